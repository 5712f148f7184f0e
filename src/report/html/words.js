// Formats the values of the report, and creates elements. Strings from the file only ever become text nodes.

const $ = (id) => document.getElementById(id);

/** An element with attributes and children; a child that is a string becomes a text node. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A string on one line. All other hidden characters are escaped in the report (src/report/json_text.rs). */
const plain = (text) => plainLines(text).replaceAll('\n', '\\n');

/** A string with its line breaks. */
const plainLines = (text) => String(text ?? '');

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB'];

/** `0 B`, `12 kB`, `512 MB`, in powers of 1000, as in the table for terminals (src/ui/display.rs). */
function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit + 1 < UNITS.length) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(value < 9.95 ? 1 : 0)} ${UNITS[unit]}`;
}

const count = (number, noun) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;

/** A share in percent. */
function share(part, whole) {
  const percent = whole > 0 ? (100 * part) / whole : 0;
  return percent > 0 && percent < 0.1 ? 'less than 0.1%' : `${percent.toFixed(1)}%`;
}

/** The length, or the shape and dtype. */
function shape(variable) {
  if (!variable.shape) return variable.len === undefined ? '' : String(variable.len);
  return variable.shape.join('×') + (variable.dtype ? ` ${plain(variable.dtype)}` : '');
}

const KINDS = ['arrays', 'data frames', 'collections', 'strings', 'numbers', 'objects', 'functions and classes', 'imports'];

const KIND_OF_TYPE = {
  list: 2, dict: 2, set: 2, frozenset: 2, tuple: 2, str: 3, bytes: 3, bytearray: 3,
  int: 4, float: 4, complex: 4, bool: 4, NoneType: 4, module: 7, function: 6, type: 6,
};

/** The index of the kind of a variable in `KINDS`, which also selects its colour. */
function kindOf(variable) {
  const type = variable.type;
  if (variable.kind === 'import') return 7;
  if (variable.kind === 'function' || variable.kind === 'class') return 6;
  if (Object.hasOwn(KIND_OF_TYPE, type)) return KIND_OF_TYPE[type];
  if (/^(pandas|polars|pyarrow|xarray|geopandas)\./.test(type)) return 1;
  if (variable.dtype || /^(numpy|torch|jax|cupy|tensorflow|scipy\.sparse)\b/.test(type)) return 0;
  return /^collections\./.test(type) ? 2 : 5;
}

/** The command line of the script. */
function commandLine(script) {
  const head = script.kind === 'module' ? `-m ${script.path}` : script.path;
  return [head, ...script.argv.slice(1)].map(plain).join(' ');
}

/** How the script ended, after "which". `ending` in src/report/inspect_text.rs says the same. */
function ending(script) {
  const seconds = `${Number(script.seconds ?? 0).toFixed(1)} s`;
  switch (script.ended.how) {
    case 'exception': return `failed after ${seconds}`;
    case 'interrupted': return `was interrupted after ${seconds}`;
    case 'running': return `was still running after ${seconds}`;
    case 'signal': return `was ended by a signal after ${seconds}`;
    case 'exit': return script.ended.code ? `exited with ${script.ended.code} after ${seconds}` : `ran ${seconds}`;
    default: return `ran ${seconds}`;
  }
}

const when = (created) => plain(created).replace('T', ' ').replace('Z', ' UTC');
