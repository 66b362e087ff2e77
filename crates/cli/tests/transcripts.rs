//! The transcripts in `tests/cmd`: what is typed, what is said, the exit code.

#[test]
fn transcripts() {
    let cases = trycmd::TestCases::new();
    // Empty is unset: whatever the machine has set does not count.
    for variable in [
        "DATABASE_URL",
        "DIRECT_URL",
        "NONSTOP_DATABASE_URL",
        "NO_COLOR",
        "PGPASSWORD",
    ] {
        cases.env(variable, "");
    }
    cases.env("COLUMNS", "100");
    cases.case("tests/cmd/*.trycmd");
}
