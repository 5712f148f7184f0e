//! Gives the options of a command line the values of the settings, where the user has not typed them.

use glob::Pattern;

use super::{SettingValue, Settings};
use crate::cli::{Cli, ColorChoice, Command, GivenOptions, SelectionArgs};
use crate::ui::colors;

/// Changes the options that were not typed.
pub(crate) fn apply(settings: &Settings, cli: &mut Cli) {
    let given = cli.given.clone();
    // NO_COLOR and CLICOLOR_FORCE are the environment, which wins over files.
    if !given.has("color")
        && !colors::is_set_by_environment()
        && let Some(SettingValue::Choice(name)) = settings.winning("color")
    {
        cli.globals.color = match *name {
            "always" => ColorChoice::Always,
            "never" => ColorChoice::Never,
            _ => ColorChoice::Auto,
        };
    }
    without(settings, "progress", &given, &mut cli.globals.no_progress);
    match &mut cli.command {
        Command::Save(args) => {
            select(settings, &mut args.selection, &given);
            switch(settings, "strict", &given, &mut args.strict);
            switch(settings, "verify", &given, &mut args.verify);
            without(settings, "ambient", &given, &mut args.no_ambient);
        }
        Command::Inspect(args) => select(settings, &mut args.selection, &given),
        Command::Restore(args) => without(settings, "ambient", &given, &mut args.no_ambient),
        _ => {}
    }
}

fn select(settings: &Settings, args: &mut SelectionArgs, given: &GivenOptions) {
    // A pattern of a file is for all scripts of a project, so it need not match anything.
    args.default_exclude = patterns(settings, "exclude");
    args.exclude_type.extend(patterns(settings, "exclude-type"));
    switch(settings, "private", given, &mut args.private);
    switch(settings, "whole", given, &mut args.whole);
    if settings.is_on("redact") && !given.has("no_redact") {
        args.redact = true;
    }
    if !given.has("max_size")
        && let Some(SettingValue::Size(bytes)) = settings.winning("max-size")
    {
        args.max_size = Some(*bytes);
    }
}

fn patterns(settings: &Settings, key: &str) -> Vec<Pattern> {
    let lists = settings.all(key).filter_map(|value| match value {
        SettingValue::Patterns(patterns) => Some(patterns.clone()),
        _ => None,
    });
    lists.flatten().collect()
}

/// Sets an option that has no value. `--no-KEY` on the command line turns it off.
fn switch(settings: &Settings, key: &str, given: &GivenOptions, option: &mut bool) {
    if !given.has(key)
        && !given.has(&format!("no_{key}"))
        && let Some(SettingValue::Switch(on)) = settings.winning(key)
    {
        *option = *on;
    }
}

/// Sets the option `--no-KEY`.
fn without(settings: &Settings, key: &str, given: &GivenOptions, option: &mut bool) {
    if !given.has(&format!("no_{key}"))
        && !given.has(key)
        && let Some(SettingValue::Switch(on)) = settings.winning(key)
    {
        *option = !on;
    }
}
