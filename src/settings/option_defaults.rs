//! Gives the options of a command line the values of the settings, where the user has not typed them.

use std::ffi::OsString;
use std::path::PathBuf;

use glob::Pattern;

use super::{SettingValue, Settings};
use crate::cli::{Cli, ColorChoice, Command, GivenOptions, InspectArgs, OptionOrigins, SaveArgs, SelectionArgs};
use crate::ui::colors;

/// Changes the options that were not typed.
pub(crate) fn apply(settings: &Settings, cli: &mut Cli) {
    let given = &mut cli.given;
    // NO_COLOR and CLICOLOR_FORCE are the environment, which wins over files.
    if !given.has("color")
        && !colors::is_set_by_environment()
        && let Some((SettingValue::Choice(name), _)) = settings.winning("color")
    {
        cli.globals.color = match *name {
            "always" => ColorChoice::Always,
            "never" => ColorChoice::Never,
            _ => ColorChoice::Auto,
        };
    }
    without(settings, "progress", given, &mut cli.globals.no_progress);
    match &mut cli.command {
        Command::Save(args) => apply_to_save(settings, args, given),
        Command::Inspect(args) => {
            select(settings, &mut args.selection, given);
            apply_to_inspect(settings, args, given);
        }
        Command::Restore(args) => {
            without(settings, "ambient", given, &mut args.no_ambient);
            store(settings, "file", given, &mut args.file);
        }
        Command::Verify(args) => store(settings, "file", given, &mut args.file),
        Command::Trust(args) => store(settings, "file", given, &mut args.file),
        Command::Export(args) => named_store(settings, "snapshot", given, &mut args.snapshot),
        Command::Log(args) => named_store(settings, "store", given, &mut args.store),
        Command::Prune(args) => named_store(settings, "store", given, &mut args.store),
        _ => {}
    }
}

fn apply_to_save(settings: &Settings, args: &mut SaveArgs, given: &mut GivenOptions) {
    select(settings, &mut args.selection, given);
    switch(settings, "strict", given, &mut args.strict);
    switch(settings, "verify", given, &mut args.verify);
    without(settings, "ambient", given, &mut args.no_ambient);
    store(settings, "output", given, &mut args.output);
}

/// The store takes the place of `session.pkl`, if neither a file nor a script is named.
fn apply_to_inspect(settings: &Settings, args: &mut InspectArgs, given: &mut GivenOptions) {
    let is_named = !args.operands.is_empty() || !args.program.code.is_empty() || !args.program.run_module.is_empty();
    if !is_named && !args.script {
        let mut file = PathBuf::new();
        store(settings, "file", given, &mut file);
        args.operands.extend(Some(OsString::from(file)).filter(|file| !file.is_empty()));
    }
}

fn select(settings: &Settings, args: &mut SelectionArgs, given: &mut GivenOptions) {
    // A pattern of a file is for all scripts of a project, so it need not match anything.
    let typed = args.exclude.clone();
    args.default_exclude = patterns(settings, "exclude", &typed, &mut args.origins);
    let typed = args.exclude_type.clone();
    args.exclude_type.extend(patterns(settings, "exclude-type", &typed, &mut args.origins));
    switch(settings, "private", given, &mut args.private);
    switch(settings, "whole", given, &mut args.whole);
    if !given.has("no_redact")
        && !given.has("redact")
        && let Some(place) = settings.where_on("redact")
    {
        args.redact = true;
        args.origins.insert("--redact".to_owned(), place);
    }
    if !given.has("max_size")
        && let Some((SettingValue::Size(bytes), place)) = settings.winning("max-size")
    {
        args.max_size = Some(*bytes);
        args.origins.insert(format!("--max-size {bytes}"), place);
    }
}

/// The patterns of all files, without those that the user has typed as well.
fn patterns(settings: &Settings, key: &str, typed: &[Pattern], origins: &mut OptionOrigins) -> Vec<Pattern> {
    let mut found = Vec::new();
    for (value, place) in settings.all(key) {
        let SettingValue::Patterns(patterns) = value else { continue };
        for pattern in patterns.iter().filter(|pattern| !typed.contains(pattern)) {
            origins.entry(format!("--{key} {pattern}")).or_insert_with(|| place.clone());
            found.push(pattern.clone());
        }
    }
    found
}

/// Sets an option that has no value. `--no-KEY` on the command line turns it off.
fn switch(settings: &Settings, key: &str, given: &mut GivenOptions, option: &mut bool) {
    if !given.has(key)
        && !given.has(&format!("no_{key}"))
        && let Some((SettingValue::Switch(on), place)) = settings.winning(key)
    {
        *option = *on;
        given.origins.extend(on.then(|| (format!("--{key}"), place)));
    }
}

/// Sets the option `--no-KEY`.
fn without(settings: &Settings, key: &str, given: &GivenOptions, option: &mut bool) {
    if !given.has(&format!("no_{key}"))
        && !given.has(key)
        && let Some((SettingValue::Switch(on), _)) = settings.winning(key)
    {
        *option = !on;
    }
}

/// Sets an operand or option that names a file to the store.
fn store(settings: &Settings, id: &str, given: &mut GivenOptions, file: &mut PathBuf) {
    if !given.has(id)
        && let Some((SettingValue::Store(path), place)) = settings.winning("store")
    {
        file.clone_from(path);
        given.origins.insert("store".to_owned(), place);
    }
}

/// Sets an operand that must be named without a setting.
fn named_store(settings: &Settings, id: &str, given: &mut GivenOptions, file: &mut Option<PathBuf>) {
    let mut path = PathBuf::new();
    store(settings, id, given, &mut path);
    if !path.as_os_str().is_empty() {
        *file = Some(path);
    }
}
