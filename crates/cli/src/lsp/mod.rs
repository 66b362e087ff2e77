//! The language server: diagnostics of migrations while they are written, hover with what a statement does, quick fixes.
//!
//! It judges as `check` does, from files alone, with the unsaved texts in place of the files. What arrives together is taken
//! in together, and then judged once: nobody waits behind a text that is no longer there.

mod actions;
mod diagnostics;
mod hover;
mod project;
mod text;

use crate::commands::check::{Report, examine};
use crate::config::Settings;
use crate::layouts::Selection;
use gen_lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionParams, DidChangeTextDocumentParams, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, HoverParams, InitializeParams, LogMessageParams, MessageType, PublishDiagnosticsParams,
    ServerCapabilities, TextDocumentContentChangeEvent, TextDocumentSyncKind, TextDocumentSyncOptions, Uri,
};
use lsp_server::{Connection, ErrorCode, Message, Notification, ProtocolError, Request, Response};
use percent_encoding::percent_decode_str;
use project::{Open, Resolve};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use text::Text;

/// Serves a client until it says `exit` or goes away; `resolve` makes the settings of a folder.
pub(crate) fn serve(connection: &Connection, resolve: &Resolve<'_>) -> Result<(), ProtocolError> {
    let (id, params) = connection.initialize_start()?;
    let result = json!({
        "capabilities": capabilities(),
        "serverInfo": {"name": "nonstop", "version": env!("CARGO_PKG_VERSION")},
    });
    connection.initialize_finish(id, result)?;
    let mut server = Server {
        connection,
        resolve,
        workspace: serde_json::from_value(params).map(workspace).unwrap_or_default(),
        documents: BTreeMap::new(),
        stale: BTreeSet::new(),
        said: String::new(),
    };
    while let Ok(first) = connection.receiver.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Request(request) if connection.handle_shutdown(&request)? => return Ok(()),
                Message::Request(request) => server.answer(request),
                Message::Notification(notification) => server.note(notification),
                Message::Response(_) => {}
            }
            next = connection.receiver.try_recv().ok();
        }
        server.publish();
    }
    Ok(())
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities {
        text_document_sync: Some(
            TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::Full),
                save: Some(true.into()),
                ..TextDocumentSyncOptions::default()
            }
            .into(),
        ),
        hover_provider: Some(true.into()),
        code_action_provider: Some(
            CodeActionOptions {
                code_action_kinds: Some(vec![CodeActionKind::QuickFix]),
                ..CodeActionOptions::default()
            }
            .into(),
        ),
        ..ServerCapabilities::default()
    }
}

/// The folders that the client has open.
#[expect(deprecated, reason = "a client that knows one folder names it so")]
fn workspace(params: InitializeParams) -> Vec<PathBuf> {
    let folders = params.workspace_folders_initialize_params.workspace_folders;
    let folders: Vec<Uri> = match folders {
        Some(gen_lsp_types::WorkspaceFolders::WorkspaceFolderList(folders)) => {
            folders.into_iter().map(|folder| folder.uri).collect()
        }
        Some(gen_lsp_types::WorkspaceFolders::Null) | None => params.root_uri.into_iter().collect(),
    };
    folders.iter().filter_map(path_of).collect()
}

/// The path of a file that the client names; a text that is in no file has none.
fn path_of(uri: &Uri) -> Option<PathBuf> {
    let path = uri.0.strip_prefix("file://")?;
    // A name of the machine may stand before the path.
    let path = &path[path.find('/')?..];
    Some(PathBuf::from(percent_decode_str(path).decode_utf8().ok()?.into_owned()))
}

/// An open document.
struct Document {
    uri: Uri,
    version: i32,
    text: Text,
    /// What is to be said of it; nothing yet, where something has changed since.
    look: Option<Look>,
}

/// What is to be said of a document.
struct Look {
    /// The document among its siblings; `None` for what is no migration.
    selection: Option<Selection>,
    settings: Option<Settings>,
    report: Report,
}

struct Server<'a> {
    connection: &'a Connection,
    resolve: &'a Resolve<'a>,
    workspace: Vec<PathBuf>,
    documents: BTreeMap<PathBuf, Document>,
    /// Whose diagnostics the client should get anew.
    stale: BTreeSet<PathBuf>,
    /// What was last said about the settings.
    said: String,
}

impl Server<'_> {
    fn note(&mut self, notification: Notification) {
        match notification.method.as_str() {
            "textDocument/didOpen" => self.opened(parsed(notification.params)),
            "textDocument/didChange" => self.changed(parsed(notification.params)),
            "textDocument/didClose" => self.closed(parsed(notification.params)),
            // Settings or other migrations may be others now.
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" => self.forget(),
            _ => {}
        }
    }

    fn opened(&mut self, params: Option<DidOpenTextDocumentParams>) {
        let Some(document) = params.map(|params| params.text_document) else {
            return;
        };
        if let Some(path) = path_of(&document.uri) {
            let document = Document {
                uri: document.uri,
                version: document.version,
                text: Text::new(document.text),
                look: None,
            };
            self.documents.insert(path, document);
            self.forget();
        }
    }

    fn changed(&mut self, params: Option<DidChangeTextDocumentParams>) {
        let Some(params) = params else { return };
        let of = params.text_document;
        let path = path_of(&of.text_document_identifier.uri);
        let Some(document) = path.and_then(|path| self.documents.get_mut(&path)) else {
            return;
        };
        document.version = of.version;
        for change in params.content_changes {
            let text = match change {
                TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(whole) => whole.text,
                // Not asked for, and yet understood.
                TextDocumentContentChangeEvent::TextDocumentContentChangePartial(part) => {
                    let (from, to) = (
                        document.text.offset(part.range.start),
                        document.text.offset(part.range.end),
                    );
                    let old = document.text.as_str();
                    format!("{}{}{}", &old[..from], part.text, &old[to.max(from)..])
                }
            };
            document.text = Text::new(text);
        }
        self.forget();
    }

    fn closed(&mut self, params: Option<DidCloseTextDocumentParams>) {
        let Some(uri) = params.map(|params| params.text_document.uri) else {
            return;
        };
        if let Some(path) = path_of(&uri) {
            self.documents.remove(&path);
            self.stale.remove(&path);
            self.send_diagnostics(uri, None, Vec::new());
            self.forget();
        }
    }

    /// Each document depends on those before it in its folder.
    fn forget(&mut self) {
        for (path, document) in &mut self.documents {
            document.look = None;
            self.stale.insert(path.clone());
        }
    }

    fn answer(&mut self, request: Request) {
        let response = match request.method.as_str() {
            "textDocument/hover" => self.respond(request, |server, params: HoverParams| {
                let position = params.text_document_position_params;
                let document = server.document(&position.text_document.uri)?;
                Some(json!(hover::hover(document, position.position)?))
            }),
            "textDocument/codeAction" => self.respond(request, |server, params: CodeActionParams| {
                let document = server.document(&params.text_document.uri)?;
                Some(json!(actions::actions(document, &params)))
            }),
            method => {
                let message = format!("nonstop does not answer {method}");
                Response::new_err(request.id, ErrorCode::MethodNotFound as i32, message)
            }
        };
        self.send(response);
    }

    fn respond<P: DeserializeOwned>(
        &mut self,
        request: Request,
        with: impl FnOnce(&mut Self, P) -> Option<Value>,
    ) -> Response {
        match serde_json::from_value(request.params) {
            Ok(params) => Response::new_ok(request.id, with(self, params).unwrap_or(Value::Null)),
            Err(error) => Response::new_err(request.id, ErrorCode::InvalidParams as i32, error.to_string()),
        }
    }

    /// An open document, judged.
    fn document(&mut self, uri: &Uri) -> Option<&Document> {
        let path = path_of(uri)?;
        self.judge(&path);
        self.documents.get(&path)
    }

    /// Says what is to be said of every document that may have changed.
    fn publish(&mut self) {
        for path in std::mem::take(&mut self.stale) {
            self.judge(&path);
            let Some(document) = self.documents.get(&path) else {
                continue;
            };
            let found = diagnostics::diagnostics(document);
            self.send_diagnostics(document.uri.clone(), Some(document.version), found);
        }
    }

    fn judge(&mut self, path: &Path) {
        if self.documents.get(path).is_none_or(|document| document.look.is_some()) {
            return;
        }
        let texts = self.documents.iter();
        let open: Open = texts
            .map(|(path, document)| (path.clone(), document.text.as_str().to_owned()))
            .collect();
        let look = self.look(path, &open);
        if let Some(document) = self.documents.get_mut(path) {
            document.look = Some(look);
        }
    }

    fn look(&mut self, path: &Path, open: &Open) -> Look {
        let root = project::root_of(path, &self.workspace);
        let nothing = Look {
            selection: None,
            settings: None,
            report: Report::default(),
        };
        let settings = match (self.resolve)(&root) {
            Ok(settings) => settings,
            Err(error) => {
                self.say(&error.to_string());
                return nothing;
            }
        };
        let Some(selection) = project::selection(path, &root, &settings, open) else {
            return nothing;
        };
        match examine(&selection, &settings) {
            Ok(report) => Look {
                selection: Some(selection),
                settings: Some(settings),
                report,
            },
            Err(problem) => {
                self.say(&problem.message);
                nothing
            }
        }
    }

    /// Once, and not at every keystroke.
    fn say(&mut self, message: &str) {
        if self.said != message {
            message.clone_into(&mut self.said);
            let params = LogMessageParams {
                kind: MessageType::Error,
                message: format!("nonstop: {message}"),
            };
            self.send(Notification::new("window/showMessage".to_owned(), params));
        }
    }

    fn send_diagnostics(&self, uri: Uri, version: Option<i32>, diagnostics: Vec<gen_lsp_types::Diagnostic>) {
        let params = PublishDiagnosticsParams {
            uri,
            version,
            diagnostics,
        };
        self.send(Notification::new("textDocument/publishDiagnostics".to_owned(), params));
    }

    /// A client that is gone hears nothing; the loop sees it.
    fn send(&self, message: impl Into<Message>) {
        let _ = self.connection.sender.send(message.into());
    }
}

fn parsed<P: DeserializeOwned>(params: Value) -> Option<P> {
    serde_json::from_value(params).ok()
}
