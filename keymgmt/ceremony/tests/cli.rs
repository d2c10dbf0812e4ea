//! Help, refusals and the booklet, as written in `tests/cmd`.

#[test]
fn transcripts_of_the_command_line() {
    trycmd::TestCases::new().case("tests/cmd/*.toml");
}
