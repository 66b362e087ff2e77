//! The language server, spoken to as an editor does: the real program over its standard input and output.
#![expect(clippy::unwrap_used, reason = "a test file")]

use lsp_server::{Message, Notification, Request, RequestId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longer than any answer takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// As clients name files.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-');

/// A project on disk, and an editor that has it open.
struct Editor {
    root: tempfile::TempDir,
    server: Child,
    stdin: Option<ChildStdin>,
    said: Receiver<Message>,
    requests: i32,
    versions: i32,
}

impl Editor {
    fn start(files: &[(&str, &str)]) -> Self {
        // A name that a URI cannot hold as it is.
        let root = tempfile::Builder::new().prefix("pröjekt %20 ").tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut server = Command::new(env!("CARGO_BIN_EXE_nonstop"))
            .arg("lsp")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(server.stdout.take().unwrap());
        let (sender, said) = channel();
        std::thread::spawn(move || {
            while let Ok(Some(message)) = Message::read(&mut stdout) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut editor = Self {
            stdin: server.stdin.take(),
            root,
            server,
            said,
            requests: 0,
            versions: 0,
        };
        let folder = json!({"uri": editor.uri(""), "name": "project"});
        let params = json!({"processId": null, "capabilities": {}, "workspaceFolders": [folder]});
        let result = editor.request("initialize", params);
        assert_eq!(result["capabilities"]["hoverProvider"], json!(true));
        assert_eq!(result["serverInfo"]["name"], "nonstop");
        editor.notify("initialized", json!({}));
        editor
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn uri(&self, path: &str) -> String {
        let path = self.path(path);
        format!("file://{}", utf8_percent_encode(path.to_str().unwrap(), ESCAPED))
    }

    fn send(&mut self, message: impl Into<Message>) {
        message.into().write(self.stdin.as_mut().unwrap()).unwrap();
    }

    fn notify(&mut self, method: &str, params: Value) {
        self.send(Notification::new(method.to_owned(), params));
    }

    /// The answer; what is published before it is passed over.
    fn request(&mut self, method: &str, params: Value) -> Value {
        self.requests += 1;
        let id = RequestId::from(self.requests);
        self.send(Request::new(id.clone(), method.to_owned(), params));
        loop {
            match self.said.recv_timeout(DEADLINE).unwrap() {
                Message::Response(response) if response.id == id => return response.response_result.unwrap(),
                Message::Response(_) | Message::Notification(_) | Message::Request(_) => {}
            }
        }
    }

    fn open(&mut self, path: &str, text: &str) {
        self.versions += 1;
        let document = json!({"uri": self.uri(path), "languageId": "sql", "version": self.versions, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
    }

    fn change(&mut self, path: &str, text: &str) {
        self.versions += 1;
        let document = json!({"uri": self.uri(path), "version": self.versions});
        let params = json!({"textDocument": document, "contentChanges": [{"text": text}]});
        self.notify("textDocument/didChange", params);
    }

    /// What is underlined in a document as it is now.
    fn diagnostics(&mut self, path: &str) -> Vec<Value> {
        let uri = self.uri(path);
        loop {
            let Message::Notification(note) = self.said.recv_timeout(DEADLINE).unwrap() else {
                panic!("not asked for");
            };
            assert_eq!(note.method, "textDocument/publishDiagnostics", "{:?}", note.params);
            let is_latest = note.params["version"].is_null() || note.params["version"] == json!(self.versions);
            if note.params["uri"] == json!(uri) && is_latest {
                return note.params["diagnostics"].as_array().unwrap().clone();
            }
        }
    }

    fn hover(&mut self, path: &str, line: u32, character: u32) -> Value {
        let position = json!({"line": line, "character": character});
        let params = json!({"textDocument": {"uri": self.uri(path)}, "position": position});
        self.request("textDocument/hover", params)
    }

    fn actions(&mut self, path: &str, range: &Value) -> Vec<Value> {
        let context = json!({"diagnostics": []});
        let params = json!({"textDocument": {"uri": self.uri(path)}, "range": range, "context": context});
        self.request("textDocument/codeAction", params)
            .as_array()
            .unwrap()
            .clone()
    }

    /// The text after an action of one edit.
    fn applied(&self, path: &str, text: &str, action: &Value) -> String {
        let edits = action["edit"]["changes"][self.uri(path)].as_array().unwrap();
        let [edit] = edits.as_slice() else { panic!("{edits:?}") };
        let units: Vec<u16> = text.encode_utf16().collect();
        let offset = |place: &Value| {
            let line = usize::try_from(place["line"].as_u64().unwrap()).unwrap();
            let column = usize::try_from(place["character"].as_u64().unwrap()).unwrap();
            let starts = units.iter().enumerate().filter(|(_, unit)| **unit == u16::from(b'\n'));
            std::iter::once(0)
                .chain(starts.map(|(at, _)| at + 1))
                .nth(line)
                .unwrap()
                + column
        };
        let (start, end) = (offset(&edit["range"]["start"]), offset(&edit["range"]["end"]));
        let new: Vec<u16> = edit["newText"].as_str().unwrap().encode_utf16().collect();
        String::from_utf16(&[&units[..start], new.as_slice(), &units[end..]].concat()).unwrap()
    }

    /// Says goodbye; the program must end well by itself.
    fn quit(mut self) {
        assert_eq!(self.request("shutdown", Value::Null), Value::Null);
        self.notify("exit", Value::Null);
        drop(self.stdin.take());
        assert!(self.server.wait().unwrap().success());
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn range(from: (u32, u32), to: (u32, u32)) -> Value {
    json!({"start": {"line": from.0, "character": from.1}, "end": {"line": to.0, "character": to.1}})
}

fn rules(diagnostics: &[Value]) -> Vec<&str> {
    diagnostics.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

const TABLE: &str = "CREATE TABLE \"Tür\" (id int PRIMARY KEY, \"größe\" int);\n";
const INIT: &str = "prisma/migrations/1_init/migration.sql";
const INDEX: &str = "prisma/migrations/2_index/migration.sql";
const BUILD: &str = "CREATE INDEX \"i\" ON \"Tür\" (\"größe\");";

#[test]
fn findings_follow_the_text_as_it_is_typed() {
    let mut editor = Editor::start(&[(INIT, TABLE), (INDEX, "SELECT 1;\n")]);
    // What is unsaved counts, not the file; and its columns are UTF-16 units.
    editor.open(INDEX, &format!("/* 🎉 ü */ {BUILD}\r\n"));
    let found = editor.diagnostics(INDEX);
    assert_eq!(rules(&found), ["create-index-blocks-writes"]);
    assert_eq!(found[0]["range"], range((0, 11), (0, 11 + 36)));
    assert_eq!(found[0]["severity"], 1);
    assert_eq!(found[0]["source"], "nonstop");
    assert!(
        found[0]["message"].as_str().unwrap().contains("public.Tür"),
        "{found:?}"
    );
    assert!(
        found[0]["codeDescription"]["href"]
            .as_str()
            .unwrap()
            .starts_with("https://")
    );

    editor.change(INDEX, "SELECT 1;\r\nCREATE TABEL x;\r\n");
    let found = editor.diagnostics(INDEX);
    assert_eq!(rules(&found), ["syntax-error"]);
    assert_eq!(found[0]["range"], range((1, 7), (1, 12)));

    editor.change(INDEX, "CREATE INDEX CONCURRENTLY \"i\" ON \"Tür\" (\"größe\");");
    assert_eq!(rules(&editor.diagnostics(INDEX)), [""; 0]);

    let document = json!({"textDocument": {"uri": editor.uri(INDEX)}});
    editor.change(INDEX, BUILD);
    assert_eq!(editor.diagnostics(INDEX).len(), 1);
    editor.notify("textDocument/didClose", document);
    assert_eq!(rules(&editor.diagnostics(INDEX)), [""; 0]);
    editor.quit();
}

#[test]
fn an_earlier_migration_that_is_typed_counts_too() {
    let mut editor = Editor::start(&[(INIT, TABLE)]);
    // Its folder is not on disk yet.
    editor.open(INDEX, BUILD);
    assert_eq!(rules(&editor.diagnostics(INDEX)), ["create-index-blocks-writes"]);
    editor.open(INIT, "SELECT 1;");
    let uri = editor.uri(INDEX);
    let later = loop {
        let Message::Notification(note) = editor.said.recv_timeout(DEADLINE).unwrap() else {
            continue;
        };
        if note.params["uri"] == json!(uri) {
            break note.params["diagnostics"].as_array().unwrap().clone();
        }
    };
    assert_eq!(rules(&later), ["statement-fails"], "the table is gone");
    editor.quit();
}

#[test]
fn hover_tells_what_a_statement_does() {
    let mut editor = Editor::start(&[(INIT, TABLE)]);
    editor.open(INDEX, &format!("-- 🎉\n{BUILD}\n"));
    let hover = editor.hover(INDEX, 1, 3);
    assert_eq!(hover["range"], range((1, 0), (1, 36)));
    let text = hover["contents"]["value"].as_str().unwrap();
    for part in [
        "| `public.Tür` | SHARE | writes |",
        "Builds an index on `public.Tür`.",
        "**error: create-index-blocks-writes**",
        "CREATE INDEX CONCURRENTLY \"i\" ON \"public\".\"Tür\"",
        "### Why it hurts",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert_eq!(editor.hover(INDEX, 0, 2), Value::Null);
    assert_eq!(
        editor.hover("prisma/migrations/9_not_open/migration.sql", 0, 0),
        Value::Null
    );
    editor.quit();
}

#[test]
fn a_quick_fix_makes_it_safe_or_allows_it() {
    let mut editor = Editor::start(&[(INIT, TABLE)]);
    let text = format!("-- 🎉\r\n  {BUILD}\r\n");
    editor.open(INDEX, &text);
    let found = editor.diagnostics(INDEX);
    let actions = editor.actions(INDEX, &found[0]["range"]);
    let [fix, allow] = actions.as_slice() else {
        panic!("{actions:#?}")
    };
    assert_eq!((&fix["isPreferred"], &fix["kind"]), (&json!(true), &json!("quickfix")));
    assert_eq!(fix["diagnostics"][0]["code"], "create-index-blocks-writes");
    let fixed = editor.applied(INDEX, &text, fix);
    assert!(
        fixed.starts_with("-- 🎉\r\n  CREATE INDEX CONCURRENTLY") && fixed.ends_with(";\r\n"),
        "{fixed}"
    );
    let allowed = editor.applied(INDEX, &text, allow);
    let directive = "-- nonstop: allow create-index-blocks-writes because (say why)";
    assert_eq!(allowed, format!("-- 🎉\r\n  {directive}\r\n  {BUILD}\r\n"));
    for text in [fixed, allowed] {
        editor.change(INDEX, &text);
        assert_eq!(rules(&editor.diagnostics(INDEX)), [""; 0], "{text}");
    }

    // Among others the safe form would fail: only the directive is offered, on a line of its own.
    let text = format!("SELECT 1; {BUILD}");
    editor.change(INDEX, &text);
    let found = editor.diagnostics(INDEX);
    let actions = editor.actions(INDEX, &found[0]["range"]);
    let [allow] = actions.as_slice() else {
        panic!("{actions:#?}")
    };
    let allowed = editor.applied(INDEX, &text, allow);
    assert_eq!(allowed, format!("SELECT 1; \n{directive}\n{BUILD}"));
    editor.change(INDEX, &allowed);
    assert_eq!(rules(&editor.diagnostics(INDEX)), [""; 0]);
    editor.quit();
}

#[test]
fn the_settings_of_the_project_hold() {
    let toml = "[check]\nignore = ['create-index-blocks-writes']\n";
    let mut editor = Editor::start(&[("db/nonstop.toml", toml), ("db/migrations/1_a/up.sql", TABLE)]);
    let path = "db/migrations/2_b/up.sql";
    editor.open(path, &format!("{BUILD}\nDROP TABLE \"Tür\";\n"));
    assert_eq!(rules(&editor.diagnostics(path)), ["drop-table-breaks-code"]);

    std::fs::write(editor.path("db/nonstop.toml"), "[check]\nignroe = []\n").unwrap();
    editor.notify(
        "textDocument/didSave",
        json!({"textDocument": {"uri": editor.uri(path)}}),
    );
    let Message::Notification(said) = editor.said.recv_timeout(DEADLINE).unwrap() else {
        panic!("not asked for");
    };
    assert_eq!(said.method, "window/showMessage");
    let message = said.params["message"].as_str().unwrap();
    assert!(
        message.contains("nonstop.toml:2:1") && message.contains("ignroe"),
        "{message}"
    );
    assert_eq!(rules(&editor.diagnostics(path)), [""; 0]);
    editor.quit();
}

#[test]
fn what_is_no_migration_is_left_alone() {
    let mut editor = Editor::start(&[(INIT, TABLE)]);
    for path in ["queries/drop.sql", "db/migrations/1_a.down.sql"] {
        editor.open(path, "DROP TABLE x;");
        assert_eq!(rules(&editor.diagnostics(path)), [""; 0], "{path}");
    }
    editor.open("db/migrations/1_a.sql", "DROP TABLE x;");
    assert_eq!(
        rules(&editor.diagnostics("db/migrations/1_a.sql")),
        ["drop-table-breaks-code"]
    );
    assert!(Path::new(&editor.path(INIT)).is_file());
    editor.quit();
}
