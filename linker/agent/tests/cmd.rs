//! Transcripts of the command line: help, usage, errors, and the screens of `init`, in both languages.

#[test]
fn transcripts() {
    let english = trycmd::TestCases::new();
    english.env("LC_ALL", "C").case("tests/cmd/*.trycmd");
}

#[test]
fn japanese_transcripts() {
    let japanese = trycmd::TestCases::new();
    japanese
        .env("LC_ALL", "ja_JP.UTF-8")
        .case("tests/cmd/ja/*.trycmd");
}

#[test]
fn screens_of_the_manual_are_those_of_the_transcripts() {
    let manual = include_str!("../README.md");
    let transcripts = include_str!("cmd/ja/newcomer.trycmd");
    let blocks = manual.split("```console\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|block| block.split("```").next().unwrap_or_default())
        .collect();
    assert!(blocks.len() >= 2, "{} blocks", blocks.len());
    for block in blocks {
        assert!(
            transcripts.contains(block.trim_end()),
            "not in the transcript:\n{block}"
        );
    }
}
