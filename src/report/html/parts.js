// What is inside a variable: nodes [label, bytes, parts], where `parts` is a list of nodes, the number of parts that the
// page does not have, or absent.

const NO_PARTS = [];

/** The nodes inside a node. The attributes of an object are shown as its own: a pickle has them in a dict. */
function partsOf(node) {
  if (!Array.isArray(node?.[2])) return NO_PARTS;
  return node[2].filter(([label]) => !label.startsWith('calls: import '))
    .flatMap((part) => (part[0].startsWith('state: dict') && partsOf(part).length > 0 ? partsOf(part) : [part]));
}

/** How many parts of a node are not in the page. */
const hiddenParts = (node) => (typeof node?.[2] === 'number' ? node[2] : 0);

/** A list of the parts of a node, largest first if there is a choice. Each opens into its own parts. */
function partList(node) {
  const parts = partsOf(node);
  const most = parts.reduce((most, [, bytes]) => Math.max(most, bytes), 1);
  return element('ul', { class: 'parts' }, ...parts.map((part) => element('li', {}, partLine(part, most))));
}

/** A part: a line, or a line that opens. Its own parts become elements of the page when they are asked for. */
function partLine(part, most) {
  const [label, bytes] = part;
  const bar = element('span', { class: 'bar k7', 'aria-hidden': 'true' });
  bar.style.width = `${(100 * bytes) / most}%`;
  const line = [
    element('span', { class: 'bytes' }, element('span', { class: 'track', 'aria-hidden': 'true' }, bar), size(bytes)),
    element('code', {}, plain(label)),
  ];
  const hidden = hiddenParts(part);
  if (hidden > 0) line.push(element('small', {}, ` ${count(hidden, 'part')} not in this page`));
  if (partsOf(part).length === 0) return element('div', { class: 'part' }, ...line);
  const opened = element('details', {}, element('summary', { class: 'part' }, ...line));
  opened.addEventListener('toggle', () => {
    if (opened.open && opened.children.length === 1) opened.append(partList(part));
  });
  return opened;
}

/** What the map shows: the variables, or the parts of the last node in `state.path`. */
function drawInside() {
  const { path } = state;
  const node = path[path.length - 1].node;
  const least = partsOf(node).reduce((sum, [, bytes]) => sum + bytes, 0) / 5000;
  const entries = partsOf(node).map((part, number) => ({
    name: plain(part[0]), words: [], kind: number % 7, real: part[1], bytes: Math.max(part[1], least, 1),
    open: partsOf(part).length > 0 ? () => goInto({ name: part[0], node: part }) : null,
  }));
  entries.sort((a, b) => b.bytes - a.bytes);
  return { found: entries, total: Math.max(node[1], 1) };
}

/** Shows the parts of a node in the map. */
function goInto(step) {
  state.path.push(step);
  drawPath();
  drawMap(state.rows);
  $('map').querySelector('button')?.focus({ preventScroll: true });
}

/** Goes back to a step of the path; 0 are all variables. */
function goBack(steps) {
  const left = state.path[steps];
  state.path.length = steps;
  drawPath();
  drawMap(state.rows);
  const name = left && plain(left.name);
  const tiles = [...$('map').querySelectorAll('button')];
  const from = tiles.find((made) => made.dataset.name === name) ?? tiles[0];
  if (!from) return;
  for (const made of tiles) made.tabIndex = made === from ? 0 : -1;
  from.focus({ preventScroll: true });
}

/** Where the map is: a button for each step before the last. */
function drawPath() {
  const { path } = state;
  const step = (name, steps) => {
    const button = element('button', { type: 'button' }, name);
    button.addEventListener('click', () => goBack(steps));
    return element('li', {}, button);
  };
  const here = path.length === 0 ? [] : [element('li', { 'aria-current': 'location' }, plain(path[path.length - 1].name))];
  const before = path.slice(0, -1).map(({ name }, number) => step(plain(name), number + 1));
  $('path').hidden = path.length === 0;
  $('path').firstElementChild.replaceChildren(step('All variables', 0), ...before, ...here);
  $('legend').hidden = path.length > 0;
}
