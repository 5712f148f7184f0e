//! `snapcli man`: the manual pages, in the format of man(1). The wheel installs the same pages into `share/man/man1`.

use std::io::Write;

use anyhow::Result;
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::completions::whole_command;
use super::input_output::stdout;
use crate::cli::ManArgs;
use crate::exit;
use crate::ui::nearest_names::{did_you_mean, nearest};

/// Prints the page of a command, or of the program.
pub(crate) fn run_command(args: &ManArgs) -> Result<i32> {
    let mut all = whole_command().disable_help_subcommand(true);
    all.build();
    let command = match &args.command {
        None => Some(all.clone()),
        Some(name) => all.find_subcommand(name).filter(|found| !found.is_hide_set()).cloned(),
    };
    let command = command.ok_or_else(|| {
        let names = all.get_subcommands().filter(|command| !command.is_hide_set()).map(Command::get_name);
        let names: Vec<&str> = names.collect();
        let name = args.command.as_deref().unwrap_or_default();
        let advice = did_you_mean(nearest(name, names.iter().copied()).into_iter());
        let details = advice.into_iter().chain([format!("the commands are {}", names.join(", "))]).collect();
        exit::coded(exit::USAGE, format!("there is no command {name}")).with_details(details)
    })?;
    stdout().write_all(&page(command)?)?;
    Ok(exit::DONE)
}

/// The page of a command.
fn page(command: Command) -> Result<Vec<u8>> {
    let after = command.get_after_long_help().or_else(|| command.get_after_help()).map(ToString::to_string);
    let is_program = command.get_subcommands().next().is_some();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    // A group of options before a positional argument would lend it its heading.
    let command = command.mut_args(|argument| match argument.is_positional() {
        true => argument.help_heading(None),
        false => argument,
    });
    let source = concat!("snapcli ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command).title(name.to_uppercase()).source(source).manual("snapcli manual");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if is_program {
        man.render_subcommands_section(&mut page)?;
    }
    sections_of(&after.unwrap_or_default()).to_writer(&mut page)?;
    let see_also = if is_program { "snapcli COMMAND --help" } else { "snapcli(1)" };
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text([roman(see_also)]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// What a help text ends with: each heading, such as `Examples:`, becomes a section, and lines that are indented are
/// shown as they are.
fn sections_of(text: &str) -> Roff {
    let mut roff = Roff::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let heading = line.strip_suffix(':').filter(|heading| !heading.starts_with(' '));
        if let Some(heading) = heading {
            roff.control("SH", [heading.to_uppercase().as_str()]);
        } else if line.starts_with(' ') {
            roff.control("nf", []);
            roff.text([roman(line)]);
            while let Some(next) = lines.next_if(|next| next.starts_with(' ')) {
                roff.text([roman(next)]);
            }
            roff.control("fi", []);
        } else if line.is_empty() {
            roff.control("PP", []);
        } else {
            roff.text(with_code(line));
        }
    }
    roff
}

/// A line in which what is between backquotes is bold.
fn with_code(line: &str) -> Vec<Inline> {
    let parts = line.split('`').enumerate();
    parts.map(|(number, part)| if number % 2 == 1 { bold(part) } else { roman(part) }).collect()
}
