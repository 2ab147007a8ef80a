//! `seqtrace list --tables`: lists the tables of callbacks that the kernel and its modules have, opened or not.

use std::{ffi::OsString, os::unix::ffi::OsStrExt};

use serde::Serialize;

use super::at_source;
use crate::{
    check::report::json::Source,
    cli, escape,
    exit::{Exit, UserError, shown},
    filter::glob::Glob,
    kernel::{preflight::Preflight, tables, text::Kcore},
    output::Writer,
    render::{Name, Output, SymbolLocation},
    symbol::{Callbacks, Locate as _, Symbol},
};

/// A line of the list.
#[derive(Serialize)]
struct Entry<'a> {
    /// Name of the `struct seq_operations`.
    table: String,
    /// Address of the `struct seq_operations`.
    address: String,
    kind: &'static str,
    /// The names of start, next, show and stop.
    callbacks: [String; 4],
    module: Option<String>,
    /// The line at which `show` is defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source<'a>>,
}

/// Lists the tables that the words of the command line name.
pub(super) fn run(args: &cli::List) -> anyhow::Result<Exit> {
    let wanted = args.targets.iter().map(Wanted::parse).collect::<Result<Vec<_>, _>>()?;
    let facts = crate::commands::preflight()?;
    let mut tables = find(&facts)?;
    tables.retain(|table| wanted.is_empty() || wanted.iter().any(|wanted| wanted.matches(table)));
    if tables.is_empty() {
        let hint = "without a TARGET, all tables are listed; TARGET is a glob for their names, or module:NAME";
        return Err(Exit::Target.error("no table of callbacks has such a name", hint).into());
    }
    let mut lines = crate::commands::source_lines(&args.debug_dir, &facts);
    lines.look_up(&tables.iter().map(|table| table.show.clone()).collect::<Vec<_>>());
    for note in lines.take_notes() {
        eprintln!("note: {note}");
    }
    let (mut writer, mut output) = (Writer::open(None)?, Output::default());
    for table in &tables {
        let source = lines.line_of(&table.show);
        let Callbacks { table: Some(object), start, next, show, stop } = table else { continue };
        let name = |symbol| Name { symbol, ascii: false }.to_string();
        let callbacks = [start, next, show, stop].map(name);
        let text = if args.json {
            let module = object.module.as_deref();
            serde_json::to_string(&Entry {
                table: name(object),
                address: format!("{:#x}", object.address),
                kind: "table",
                callbacks,
                module: module.map(|name| escape::text(name.as_bytes(), false).to_string()),
                source: source.as_ref().map(Source::from),
            })?
        } else {
            let object = Name { symbol: object, ascii: false };
            let object = SymbolLocation { name: object, with_offset: false }.to_string();
            format!("{object:<40}  {}{}", callbacks.join(" "), at_source(source.as_ref()))
        };
        output.data = format!("{text}\n").into_bytes();
        if !writer.write(&mut output)? {
            break;
        }
    }
    Ok(Exit::Done)
}

/// Reads the tables from the kernel's memory.
fn find(facts: &Preflight) -> Result<Vec<Callbacks>, UserError> {
    if let Some(fallback) = facts.fallback {
        let what = format!("symbols are hidden (kernel.kptr_restrict): {fallback}");
        return Err(Exit::Environment.error(what, "set kernel.kptr_restrict to 0 or 1"));
    }
    if facts.symbols.objects().next().is_none() {
        let what = "this kernel shows no symbols of data (CONFIG_KALLSYMS_ALL)";
        return Err(Exit::Environment.error(what, "`seqtrace list` shows the callbacks of files"));
    }
    let kcore = Kcore::open().map_err(|error| {
        Exit::Environment.error(error.to_string(), "`seqtrace list` shows the callbacks of files")
    })?;
    Ok(tables::find(&facts.symbols, &|address, length| kcore.read(address, length).ok()))
}

/// The tables that a word of the command line names.
enum Wanted {
    /// Those whose names match.
    Name(Glob),
    /// Those of modules whose names match.
    Module(Glob),
}

impl Wanted {
    fn parse(word: &OsString) -> Result<Self, UserError> {
        let text = word.as_bytes();
        let (module, pattern) = match text.strip_prefix(b"module:") {
            Some(pattern) => (true, pattern),
            None => (false, text),
        };
        let glob = Glob::module(pattern).map_err(|error| {
            let hint = "with --tables, TARGET is a glob for names of tables, or module:NAME";
            Exit::Usage.error(format!("{}: {error}", shown(word)), hint)
        })?;
        Ok(if module { Self::Module(glob) } else { Self::Name(glob) })
    }

    fn matches(&self, table: &Callbacks) -> bool {
        let named = |name: Option<&str>, glob: &Glob| {
            name.is_some_and(|name| glob.matches(name.as_bytes()))
        };
        let object: Option<&Symbol> = table.table.as_ref();
        match self {
            Self::Name(glob) => named(object.and_then(|object| object.name.as_deref()), glob),
            Self::Module(glob) => named(object.and_then(|object| object.module.as_deref()), glob),
        }
    }
}
