//! Checksums of migration text, with each tool's rule for comparing them.

use sha2::{Digest, Sha256};

/// SHA-256 as 64 lowercase hex digits, the form Prisma stores.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let digest = Sha256::digest(bytes);
    digest
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Whether a checksum that Prisma stored belongs to this text.
///
/// Prisma accepts the text as it is, with CRLF turned to LF and with LF turned to CRLF, and an old form whose bytes
/// were printed without a leading zero (prisma-engines `checksum.rs`).
pub fn prisma_matches(stored: &str, text: &str) -> bool {
    let lf = text.replace("\r\n", "\n");
    let crlf = lf.replace('\n', "\r\n");
    [text, &lf, &crlf].into_iter().any(|candidate| {
        let hash = sha256_hex(candidate.as_bytes());
        stored == hash || (stored.len() != 64 && stored == without_padding(&hash))
    })
}

fn without_padding(hash: &str) -> String {
    let bytes = hash.as_bytes().chunks(2);
    bytes
        .flat_map(|pair| if pair[0] == b'0' { &pair[1..] } else { pair })
        .map(|byte| char::from(*byte))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_value() {
        assert_eq!(
            sha256_hex(b"hello"),
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        );
    }

    #[test]
    fn line_endings_do_not_matter_but_text_does() {
        let stored = sha256_hex(b"a\r\nb\r\n");
        assert!(prisma_matches(&stored, "a\nb\n"));
        assert!(prisma_matches(&sha256_hex(b"a\nb\n"), "a\r\nb\r\n"));
        assert!(!prisma_matches(&stored, "a\nc\n"));
    }

    #[test]
    fn the_unpadded_form_is_known() {
        let hash = sha256_hex(b"hello");
        let legacy = without_padding(&hash);
        assert_ne!(legacy.len(), 64);
        assert!(prisma_matches(&legacy, "hello"));
    }
}
