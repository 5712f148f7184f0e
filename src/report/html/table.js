// The table. Only the visible rows are elements of the page, so that 10,000 variables are as fast as ten.

const state = {
  variables: [], rows: [], sort: 'order', down: false, kind: null, text: '', chosen: null, largest: 1,
  // Whether imports are in the table, what is inside the variables, and where the map is in it.
  imports: false, inside: new Map(), path: [],
};

const used = (variable) => [...new Set([...(variable.uses ?? []), ...(variable.globals ?? [])])];

const collator = new Intl.Collator('en', { numeric: true });
const byText = (get) => (a, b) => collator.compare(get(a), get(b));
const byNumber = (get) => (a, b) => get(a) - get(b);
const items = (variable) => (variable.shape ? variable.shape.reduce((all, side) => all * side, 1) : (variable.len ?? -1));

/** `down`: whether the first press sorts in descending order. */
const COLUMNS = [
  { key: 'name', title: 'Name', order: byText((variable) => variable.name) },
  { key: 'type', title: 'Type', order: byText((variable) => variable.type) },
  { key: 'size', title: 'Size', order: byNumber((variable) => variable.length), down: true },
  { key: 'shape', title: 'Shape', order: byNumber(items), down: true },
  { key: 'value', title: 'Value', order: byText((variable) => variable.preview) },
  { key: 'line', title: 'Line', order: byNumber((variable) => variable.line ?? Infinity) },
  { key: 'uses', title: 'Uses', order: byNumber((variable) => used(variable).length), down: true },
];

/** The rows that pass the filters, sorted. */
function chosenRows() {
  const words = state.text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (variable) => (state.kind === null || kindOf(variable) === state.kind)
    && (state.imports || state.kind !== null || variable.kind !== 'import')
    && words.every((word) => variable.search.includes(word));
  const rows = state.variables.filter(fits);
  const column = COLUMNS.find(({ key }) => key === state.sort);
  if (column) rows.sort(state.down ? (a, b) => column.order(b, a) : column.order);
  return rows;
}

/** Draws the table and the map again after a change of the filters or the order. */
function refresh() {
  state.rows = chosenRows();
  const bytes = state.rows.reduce((sum, variable) => sum + variable.length, 0);
  const all = state.variables.filter((variable) => state.imports || state.kind !== null || variable.kind !== 'import').length;
  if (state.path.length > 0) {
    state.path.length = 0;
    drawPath();
  }
  $('shown').textContent = state.rows.length === all
    ? `${count(all, 'variable')}, ${size(bytes)}`
    : `${state.rows.length.toLocaleString('en')} of ${count(all, 'variable')}, ${size(bytes)}`;
  for (const { key } of COLUMNS) {
    const direction = state.sort === key ? (state.down ? 'descending' : 'ascending') : null;
    const cell = $(`head-${key}`);
    if (direction) cell.setAttribute('aria-sort', direction); else cell.removeAttribute('aria-sort');
  }
  $('sort').value = `${state.sort} ${state.down}`;
  $('rows').scrollTop = 0;
  drawRows();
  drawMap(state.rows);
}

/** Imports on one line; a button puts them into the table. */
function drawImports() {
  const imports = state.variables.filter((variable) => variable.kind === 'import');
  if (imports.length === 0 || imports.length === state.variables.length) {
    state.imports = true;
    return;
  }
  const name = (variable) => {
    const module = variable.type === 'module' && variable.preview.startsWith('module ') ? variable.preview.slice(7) : variable.name;
    return module === variable.name ? plain(variable.name) : `${plain(module)} as ${plain(variable.name)}`;
  };
  const button = element('button', { type: 'button', 'aria-pressed': 'false' }, 'Show them');
  button.addEventListener('click', () => {
    state.imports = !state.imports;
    button.setAttribute('aria-pressed', String(state.imports));
    refresh();
  });
  const names = imports.map(name).join(', ');
  $('imports').replaceChildren(`${count(imports.length, 'import')}: `, element('span', { title: names }, names), ' ', button);
  $('imports').hidden = false;
}

/** Says that the page does not have all variables. */
function drawOmitted(omitted = 0) {
  if (omitted === 0) return;
  $('omitted').textContent = `The page has the largest variables only. ${count(omitted, 'more variable')}: snapcli inspect lists all.`;
  $('omitted').hidden = false;
}

function drawHead() {
  const cells = COLUMNS.map(({ key, title, down = false }) => {
    const button = element('button', { type: 'button' }, title);
    // The first press sorts, the second one reverses, the third one restores the order of the script.
    button.addEventListener('click', () => {
      if (state.sort !== key) sortBy(key, down);
      else if (state.down === down) sortBy(key, !down);
      else sortBy('order', false);
    });
    return element('th', { id: `head-${key}`, class: key, scope: 'col', role: 'columnheader' }, button);
  });
  $('head').replaceChildren(...cells);
  // A pickle from another program has neither lines nor uses.
  const hasOrigins = state.variables.some((variable) => variable.line !== undefined || used(variable).length > 0);
  $('rows').classList.toggle('short', !hasOrigins);
  const options = COLUMNS.filter(({ key }) => key !== 'value' && key !== 'uses')
    .flatMap(({ key, title }) => [[key, false, `${title} ↑`], [key, true, `${title} ↓`]]);
  const made = [['order', false, 'script order'], ...options]
    .map(([key, down, words]) => element('option', { value: `${key} ${down}` }, words));
  $('sort').replaceChildren(...made);
  $('sort').addEventListener('change', () => {
    const [key, down] = $('sort').value.split(' ');
    sortBy(key, down === 'true');
  });
}

function sortBy(key, down) {
  state.sort = key;
  state.down = down;
  refresh();
}

/** Draws the visible rows, and some above and below. `all` draws every row, for printing. */
function drawRows(all = false) {
  const box = $('rows');
  const height = parseFloat(getComputedStyle(box).getPropertyValue('--row'));
  const first = all ? 0 : Math.max(0, Math.floor(box.scrollTop / height) - 10);
  const last = all ? state.rows.length : Math.min(state.rows.length, Math.ceil((box.scrollTop + box.clientHeight) / height) + 10);
  // A row that stays keeps its element, and so keeps the focus.
  const old = new Map([...$('body').children].map((made) => [made.variable, made]));
  const rows = state.rows.slice(first, last).map((variable, number) => {
    const made = old.get(variable) ?? row(variable);
    made.setAttribute('aria-rowindex', first + number + 2);
    made.classList.toggle('odd', (first + number) % 2 === 1);
    made.classList.toggle('chosen', variable === state.chosen);
    return made;
  });
  replaceRows($('body'), rows);
  $('body').style.paddingTop = `${first * height}px`;
  $('body').style.paddingBottom = `${(state.rows.length - last) * height}px`;
  box.querySelector('table').setAttribute('aria-rowcount', state.rows.length + 1);
}

/** Replaces the rows without removing those that stay, because a removed element loses the focus. */
function replaceRows(body, rows) {
  const wanted = new Set(rows);
  for (const made of [...body.children]) if (!wanted.has(made)) made.remove();
  let next = body.firstChild;
  for (const made of rows) {
    if (made === next) next = next.nextSibling; else body.insertBefore(made, next);
  }
}

function row(variable) {
  const cell = (name, ...children) => element('td', { class: name, role: 'cell' }, ...children);
  const name = element('button', { type: 'button', class: 'pick' }, plain(variable.name));
  const bar = element('span', { class: `bar k${kindOf(variable)}`, 'aria-hidden': 'true' });
  bar.style.width = `${(100 * variable.length) / state.largest}%`;
  const made = element('tr', { role: 'row' },
    cell('name', name), cell('type', plain(variable.type)),
    cell('size', element('span', { class: 'track', 'aria-hidden': 'true' }, bar), element('span', {}, size(variable.length))),
    cell('shape', shape(variable)), cell('value', plain(variable.preview)),
    cell('line', variable.line === undefined ? '' : String(variable.line)), cell('uses', used(variable).map(plain).join(', ')));
  made.variable = variable;
  made.addEventListener('click', () => choose(variable));
  return made;
}

/** Scrolls to the row of a variable within the table. */
function scrollToRow(variable) {
  const number = state.rows.indexOf(variable);
  const box = $('rows');
  const height = parseFloat(getComputedStyle(box).getPropertyValue('--row'));
  box.scrollTop = Math.max(0, number * height - box.clientHeight / 3);
}

/** Scrolls to the row of a variable and shows its details. */
function show(variable) {
  scrollToRow(variable);
  choose(variable);
  $('table-section').scrollIntoView({ block: 'nearest' });
  [...$('body').children].find((made) => made.variable === variable)?.querySelector('button').focus({ preventScroll: true });
}

/** Shows the variables that share a rectangle: all of that kind, largest first, starting at the first of them. */
function showSmall(first) {
  state.kind = kindOf(first);
  markLegend();
  sortBy('size', true);
  show(first);
}

/** Shows the details of a variable below the table. */
function choose(variable) {
  state.chosen = variable;
  drawRows();
  const users = state.variables.filter((other) => used(other).includes(variable.name)).map((other) => other.name);
  const names = (list) => list.map(plain).join(', ');
  const close = element('button', { type: 'button', class: 'close' }, 'Close');
  close.addEventListener('click', () => {
    state.chosen = null;
    $('chosen').hidden = true;
    drawRows();
  });
  const facts = [
    ['Type', plain(variable.type)],
    ['Size', `${size(variable.length)} (${count(variable.length, 'byte')} at offset ${variable.offset.toLocaleString('en')})`],
    ['Length or shape', shape(variable)],
    ['Value', plain(variable.preview)],
    ['Columns', names(variable.columns ?? [])],
    ['Attributes', names(variable.attributes ?? [])],
    ['Defined in', plain(variable.source)],
    ['Line', variable.line === undefined ? '' : String(variable.line)],
    ['Uses', names(used(variable))],
    ['Used by', names(users)],
    ['Imports', names((variable.imports ?? []).map((name) => name.replace(' ', '.')))],
    ['Notes', names(variable.notes ?? [])],
    ['Contains code', variable.has_code ? 'yes: only the same minor version of Python can load it' : ''],
  ];
  const node = state.inside.get(variable.name);
  const inside = partsOf(node).length === 0 ? [] : [element('h4', {}, 'Inside'), partList(node)];
  $('chosen').replaceChildren(element('h3', {}, plain(variable.name)), close, list(facts), ...inside);
  $('chosen').hidden = false;
}

/** A list of names and values, without empty values. */
function list(facts) {
  const made = facts.filter(([, value]) => value !== '' && value !== undefined && value !== null)
    .map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value)));
  return element('dl', {}, ...made);
}
