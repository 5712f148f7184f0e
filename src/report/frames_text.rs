//! The frames of a crash snapshot as text, for `inspect`: as Python prints a traceback, with the local variables below
//! each frame. All strings pass `Lines`.

use std::collections::HashMap;
use std::io;

use super::table::{cut_path, cut_words};
use crate::snapshot::index::{FrameKind, Index, LeftOut, RaisedError, StackFrame, Variable, split_local_name};
use crate::ui::{Lines, Paint};

/// How many local variables of a frame are shown without `--all`.
const FEW_LOCALS: usize = 20;
/// How many frames of an exception are shown without `--all`: the outermost and the innermost.
const FEW_OUTERMOST: usize = 5;
const FEW_INNERMOST: usize = 15;
/// The spaces before the source of a frame, and before a local variable.
const SOURCE_INDENT: usize = 8;
const LOCAL_INDENT: usize = 10;

/// Writes all exceptions with their frames. With `all`, no frame and no variable is omitted.
pub(crate) fn write_frames(out: &mut Lines<'_>, index: &Index, all: bool) -> io::Result<()> {
    let writer = FrameWriter { locals: locals_by_frame(index), all };
    for (number, (raised, frames)) in index.raised.iter().zip(index.frames_of_raised()).enumerate() {
        out.blank()?;
        if begins_member(&index.raised, number) {
            out.line("  In the exception group above:")?;
            out.blank()?;
        }
        writer.write_raised(out, raised, &frames)?;
    }
    Ok(())
}

/// The exception that this one was raised before; it comes later. A file can say anything.
fn raised_after(all: &[RaisedError], number: usize) -> Option<usize> {
    let raised = all.get(number).filter(|raised| matches!(raised.relation.as_str(), "cause" | "context"))?;
    raised.of.and_then(|of| usize::try_from(of).ok()).filter(|of| *of > number && *of < all.len())
}

/// Whether a member of an exception group begins with this exception: with its first cause, if it has any.
fn begins_member(all: &[RaisedError], number: usize) -> bool {
    if (0..number).any(|earlier| raised_after(all, earlier) == Some(number)) {
        return false;
    }
    let last = std::iter::successors(Some(number), |number| raised_after(all, *number)).last();
    last.and_then(|last| all.get(last)).is_some_and(|raised| raised.relation == "member")
}

/// What is known of a local variable.
enum Local<'i> {
    Saved(&'i Variable),
    LeftOut(&'i LeftOut),
}

fn locals_by_frame(index: &Index) -> HashMap<usize, Vec<(&str, Local<'_>)>> {
    let mut found: HashMap<usize, Vec<(&str, Local<'_>)>> = HashMap::new();
    let saved = index.frame_locals.iter().map(|local| (local.name.as_str(), Local::Saved(local)));
    let left_out = index.left_out.iter().map(|item| (item.name.as_str(), Local::LeftOut(item)));
    for (name, local) in saved.chain(left_out) {
        if let Some((frame, name)) = split_local_name(name) {
            found.entry(frame).or_default().push((name, local));
        }
    }
    found
}

struct FrameWriter<'i> {
    locals: HashMap<usize, Vec<(&'i str, Local<'i>)>>,
    all: bool,
}

impl FrameWriter<'_> {
    fn write_raised(
        &self,
        out: &mut Lines<'_>,
        raised: &RaisedError,
        frames: &[(usize, &StackFrame)],
    ) -> io::Result<()> {
        let hidden = frames.len().checked_sub(FEW_OUTERMOST + FEW_INNERMOST).filter(|_| !self.all).unwrap_or(0);
        if !frames.is_empty() {
            out.line("  Traceback (most recent call last):")?;
        }
        for (position, (number, frame)) in frames.iter().enumerate() {
            if position == FEW_OUTERMOST && hidden > 0 {
                out.line(format_args!("    … {hidden} more frames: use --all to show them"))?;
            }
            if position < FEW_OUTERMOST || position >= FEW_OUTERMOST + hidden {
                self.write_frame(out, *number, frame)?;
            }
        }
        if raised.omitted > 0 {
            out.line(format_args!("    ({} frames in between are not kept)", raised.omitted))?;
        }
        for line in raised.text.lines() {
            out.painted(&[(Paint::Bad, &format!("  {line}"))])?;
        }
        let next = match raised.relation.as_str() {
            "cause" => "The above exception was the direct cause of the following exception:",
            "context" => "During handling of the above exception, another exception occurred:",
            _ => return Ok(()),
        };
        out.blank()?;
        out.line(format_args!("  {next}"))
    }

    fn write_frame(&self, out: &mut Lines<'_>, number: usize, frame: &StackFrame) -> io::Result<()> {
        let StackFrame { path, line, function, source, .. } = frame;
        // A path, and a word of a preview, may be wider than the terminal, which would break it anywhere.
        let columns = |indent: usize| out.width().map_or(usize::MAX, |width| width.saturating_sub(indent));
        let (room, of_source) = (columns(format!("    [{number}] ,").len()), columns(SOURCE_INDENT + 2));
        let (path, source) = (cut_path(path, room), cut_words(source, of_source));
        let place = format!(" {path}, line {line}, in ");
        out.painted(&[(Paint::Faint, &format!("    [{number}]")), (Paint::Plain, &place), (Paint::Name, function)])?;
        if !source.is_empty() {
            out.line(format_args!("{:SOURCE_INDENT$}{source}", ""))?;
        }
        match (frame.locals, frame.same_as) {
            (FrameKind::Saved, Some(same)) => out.line(format_args!("          (locals as in [{same}])")),
            (FrameKind::Saved, None) => self.write_locals(out, number),
            (FrameKind::Library | FrameKind::Globals, _) => Ok(()),
        }
    }

    fn write_locals(&self, out: &mut Lines<'_>, number: usize) -> io::Result<()> {
        let Some(locals) = self.locals.get(&number) else { return Ok(()) };
        let shown = if self.all { usize::MAX } else { FEW_LOCALS };
        for (name, local) in locals.iter().take(shown) {
            let line = match local {
                Local::Saved(Variable { type_name, preview, .. }) if preview.is_empty() => {
                    format!("{name}: {type_name}")
                }
                Local::Saved(Variable { type_name, preview, .. }) => format!("{name}: {type_name} = {preview}"),
                Local::LeftOut(LeftOut { type_name, .. }) => format!("{name}: {type_name} (not saved)"),
            };
            let room = out.width().map_or(usize::MAX, |width| width.saturating_sub(LOCAL_INDENT + 2));
            out.line(format_args!("{:LOCAL_INDENT$}{}", "", cut_words(&line, room)))?;
        }
        match locals.len().saturating_sub(shown) {
            0 => Ok(()),
            more => out.line(format_args!("          and {more} more: use --all to show them")),
        }
    }
}
