//! Reads the fenced blocks, links and headings of a Markdown page, and writes new output into its blocks.

use std::fs;
use std::ops::Range;
use std::path::Path;

/// A Markdown page, as lines.
pub(crate) struct Page {
    lines: Vec<String>,
}

/// A fenced block.
pub(crate) struct Block {
    /// The first word after the fence.
    pub(crate) language: String,
    /// The second word, if it looks like a file name: the block becomes that file.
    pub(crate) file: Option<String>,
    lines: Range<usize>,
}

/// A command of a `console` block.
pub(crate) struct Step {
    pub(crate) command: String,
    /// The line number of the command, from 1.
    pub(crate) line: usize,
    /// The indices of its output lines.
    pub(crate) output: Range<usize>,
}

impl Page {
    pub(crate) fn read(path: &Path) -> Self {
        let contents = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { lines: contents.lines().map(str::to_owned).collect() }
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, &str)> = None;
        for (number, line) in self.lines.iter().enumerate() {
            match (open, line.strip_prefix("```")) {
                (None, Some(info)) => open = Some((number + 1, info)),
                (Some((start, info)), Some("")) => {
                    blocks.push(block(info, start..number));
                    open = None;
                }
                _ => {}
            }
        }
        assert!(open.is_none(), "a fence is not closed");
        blocks
    }

    pub(crate) fn steps(&self, block: &Block) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for number in block.lines.clone() {
            let line = &self.lines[number];
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { command: command.to_owned(), line: number + 1, output: number + 1..number + 1 });
                continue;
            }
            let step = steps.last_mut().unwrap_or_else(|| panic!("line {}: no command before output", number + 1));
            match line.strip_prefix("> ") {
                Some(more) if step.output.is_empty() => {
                    step.command.push('\n');
                    step.command.push_str(more);
                    step.output = number + 1..number + 1;
                }
                _ => step.output.end = number + 1,
            }
        }
        // An empty line before the next command separates them for the reader. It belongs to no output.
        for step in &mut steps {
            while !step.output.is_empty() && self.lines[step.output.end - 1].is_empty() {
                step.output.end -= 1;
            }
        }
        steps
    }

    pub(crate) fn output(&self, step: &Step) -> String {
        self.text(step.output.clone())
    }

    /// The lines within the fences.
    pub(crate) fn contents(&self, block: &Block) -> String {
        self.text(block.lines.clone())
    }

    fn text(&self, lines: Range<usize>) -> String {
        self.lines[lines].iter().flat_map(|line| [line, "\n"]).collect()
    }

    /// The targets of inline links and images, outside of blocks.
    pub(crate) fn links(&self) -> Vec<String> {
        let blocks = self.blocks();
        let outside = |number: &usize| !blocks.iter().any(|block| block.lines.contains(number));
        let prose = (0..self.lines.len()).filter(outside).flat_map(|number| self.lines[number].split("](").skip(1));
        prose.filter_map(|rest| rest.split_once(')')).map(|(link, _)| link.to_owned()).collect()
    }

    /// Whether a heading has this anchor, made as GitHub makes it.
    pub(crate) fn has_heading(&self, anchor: &str) -> bool {
        let headings = self.lines.iter().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor_of(line.trim_start_matches('#').trim())).any(|found| found == anchor)
    }

    /// Writes the page with new output in the given ranges of lines, which are in their order.
    pub(crate) fn write(mut self, path: &Path, outputs: Vec<(Range<usize>, String)>) {
        if outputs.is_empty() {
            return;
        }
        for (range, output) in outputs.into_iter().rev() {
            self.lines.splice(range, output.lines().map(str::to_owned));
        }
        let all = 0..self.lines.len();
        fs::write(path, self.text(all)).unwrap();
    }
}

fn block(info: &str, lines: Range<usize>) -> Block {
    let mut words = info.split_whitespace();
    let language = words.next().unwrap_or_default().to_owned();
    let file = words.next().filter(|word| word.contains('.')).map(str::to_owned);
    Block { language, file, lines }
}

fn anchor_of(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}
