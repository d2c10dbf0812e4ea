//! Transcripts of the command line: help, usage and configuration errors.

#[test]
fn transcripts() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}
