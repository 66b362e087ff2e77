//! Markdown tables: the words on the left, figures on the right.

/// Prints a table with a head.
pub(crate) fn print(head: &[&str], lines: &[Vec<String>]) {
    println!("| {} |", head.join(" | "));
    let rules: Vec<&str> = (0..head.len()).map(|at| if at == 0 { "---" } else { "---:" }).collect();
    println!("| {} |", rules.join(" | "));
    for line in lines {
        println!("| {} |", line.join(" | "));
    }
    println!();
}

/// Milliseconds under ten seconds, seconds above.
pub(crate) fn duration(millis: f64) -> String {
    if millis >= 10_000.0 {
        format!("{:.1} s", millis / 1e3)
    } else if millis < 10.0 {
        format!("{millis:.1} ms")
    } else {
        format!("{millis:.0} ms")
    }
}
