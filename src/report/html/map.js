// The map: a rectangle for each variable, with an area in proportion to its bytes and as square as possible (squarified
// treemap, Bruls, Huizing and van Wijk 2000).

/** A square of this many pixels is the smallest that can be clicked. All smaller variables of a kind share one rectangle. */
const SMALLEST = 10;
const MOST_TILES = 1000;

/** Lays out sizes, largest first, in a rectangle. Returns [x, y, width, height] for each. */
function squarify(sizes, width, height) {
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const areas = sizes.map((bytes) => (bytes / total) * width * height);
  const free = { x: 0, y: 0, width, height };
  const rectangles = [];
  for (let start = 0; start < areas.length;) {
    const end = endOfStrip(areas, start, Math.min(free.width, free.height));
    rectangles.push(...strip(areas.slice(start, end), free));
    start = end;
  }
  return rectangles;
}

/** How many areas go into a strip along the short side: adds one as long as the worst aspect ratio does not grow. */
function endOfStrip(areas, start, side) {
  let sum = areas[start];
  let worst = Infinity;
  let end = start + 1;
  for (; end <= areas.length; end += 1) {
    const now = Math.max((side * side * areas[start]) / (sum * sum), (sum * sum) / (side * side * areas[end - 1]));
    if (now > worst) return end - 1;
    worst = now;
    sum += areas[end] ?? 0;
  }
  return areas.length;
}

/** Places a strip along the short side of the free rectangle, and removes it from that. */
function strip(areas, free) {
  const sum = areas.reduce((total, area) => total + area, 0);
  const upright = free.width >= free.height;
  const side = upright ? free.height : free.width;
  const depth = side > 0 ? sum / side : 0;
  let along = 0;
  const rectangles = areas.map((area) => {
    const length = depth > 0 ? area / depth : 0;
    const rectangle = upright
      ? [free.x, free.y + along, depth, length]
      : [free.x + along, free.y, length, depth];
    along += length;
    return rectangle;
  });
  if (upright) {
    free.x += depth;
    free.width -= depth;
  } else {
    free.y += depth;
    free.height -= depth;
  }
  return rectangles;
}

/** The rectangles of the map: the largest variables, and one for all smaller variables of each kind. */
function tiles(variables, pixels) {
  const sorted = variables.filter((variable) => variable.length > 0).sort((a, b) => b.length - a.length);
  const total = sorted.reduce((sum, variable) => sum + variable.length, 0);
  const least = (total * SMALLEST * SMALLEST) / Math.max(pixels, 1);
  const firstSmall = sorted.findIndex((variable) => variable.length < least);
  const shown = Math.min(firstSmall < 0 ? sorted.length : firstSmall, MOST_TILES);
  const found = sorted.slice(0, shown).map((variable) => ({
    name: plain(variable.name), words: [plain(variable.type)], kind: kindOf(variable),
    bytes: variable.length, real: variable.length, open: () => openVariable(variable),
  }));
  for (const kind of KINDS.keys()) {
    const rest = sorted.slice(shown).filter((variable) => kindOf(variable) === kind);
    const real = rest.reduce((sum, variable) => sum + variable.length, 0);
    // A rectangle too small to be seen would look as if there were no such variables.
    const name = `${rest.length.toLocaleString('en')} smaller: ${KINDS[kind]}`;
    if (rest.length > 0) {
      found.push({ name, words: [], kind, isRest: true, bytes: Math.max(real, least), real, open: () => showSmall(rest[0]) });
    }
  }
  found.sort((a, b) => b.bytes - a.bytes);
  return { found, total };
}

/** A button for a rectangle, positioned in percent, so that it also fits on paper. */
function tile(entry, [x, y, width, height], box, total) {
  const { name, kind, isRest = false, open } = entry;
  const words = [...entry.words, `${size(entry.real)}, ${share(entry.real, total)}`];
  const made = element('button', {
    type: 'button', class: `tile k${kind}${isRest ? ' rest' : ''}${open ? '' : ' leaf'}`, tabindex: -1,
    'aria-label': [name, ...words].join(', '), 'aria-disabled': open ? null : 'true',
  });
  made.dataset.name = name;
  if (width > 46 && height > 20) made.append(element('span', { class: 'name' }, name));
  if (width > 46 && height > 38) made.append(element('span', { class: 'size' }, size(entry.real)));
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  made.style.left = percent(x, box.width);
  made.style.top = percent(y, box.height);
  made.style.width = percent(width, box.width);
  made.style.height = percent(height, box.height);
  if (open) made.addEventListener('click', () => { $('tip').hidden = true; open(); });
  addTooltip(made, name, words);
  return made;
}

/** Shows a tooltip at a rectangle while the mouse is over it or it has the focus. */
function addTooltip(made, name, words) {
  const tip = $('tip');
  const appear = () => {
    tip.replaceChildren(element('strong', {}, name), ...words.map((word) => element('span', {}, word)));
    tip.hidden = false;
    const at = made.getBoundingClientRect();
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    const below = at.bottom + tip.offsetHeight + 8 < window.innerHeight;
    tip.style.left = `${Math.max(8, Math.min(at.left, room))}px`;
    tip.style.top = `${Math.max(8, below ? at.bottom + 4 : at.top - tip.offsetHeight - 4)}px`;
  };
  const vanish = () => { tip.hidden = true; };
  made.addEventListener('mouseenter', appear);
  made.addEventListener('focus', appear);
  made.addEventListener('mouseleave', vanish);
  made.addEventListener('blur', vanish);
}

/** Opens a variable: shows its row and details, and its parts in the map, if it has any. */
function openVariable(variable) {
  const node = state.inside.get(variable.name);
  if (partsOf(node).length === 0) {
    show(variable);
    return;
  }
  choose(variable);
  scrollToRow(variable);
  goInto({ name: variable.name, node });
}

/** Draws the map of some variables, or of what is inside of one. */
function drawMap(variables) {
  const map = $('map');
  const box = { width: map.clientWidth, height: map.clientHeight };
  const { found, total } = state.path.length > 0 ? drawInside() : tiles(variables, box.width * box.height);
  const rectangles = squarify(found.map((entry) => entry.bytes), box.width, box.height);
  const made = found.map((entry, number) => tile(entry, rectangles[number], box, total));
  // A rectangle that stays keeps the focus.
  const focused = map.contains(document.activeElement) ? document.activeElement.dataset.name : undefined;
  const kept = made.find((tile) => tile.dataset.name === focused);
  if (made.length > 0) (kept ?? made[0]).tabIndex = 0;
  map.replaceChildren(...(made.length > 0 ? made : [element('p', { class: 'none' }, 'No variables.')]));
  kept?.focus({ preventScroll: true });
}

/** The map is one stop for the Tab key. Arrow keys move to the next smaller or larger rectangle. */
function moveInMap(event) {
  const all = [...$('map').querySelectorAll('button')];
  const here = all.indexOf(document.activeElement);
  const steps = { ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 };
  const next = Object.hasOwn(steps, event.key) && here >= 0 ? all[steps[event.key]] : undefined;
  if (event.key === 'Escape') {
    $('tip').hidden = true;
    if (state.path.length > 0) goBack(state.path.length - 1);
    return;
  }
  if (!next) return;
  event.preventDefault();
  all[here].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

/** The kinds of variables with their colours and sizes. Pressing one shows only that kind. */
function drawLegend(variables) {
  const sums = KINDS.map(() => ({ bytes: 0, number: 0 }));
  for (const variable of variables) {
    sums[kindOf(variable)].bytes += variable.length;
    sums[kindOf(variable)].number += 1;
  }
  const made = KINDS.map((kind, number) => {
    if (sums[number].number === 0) return null;
    const words = `${sums[number].number.toLocaleString('en')} · ${size(sums[number].bytes)}`;
    const button = element('button', { type: 'button', id: `kind-${number}`, 'aria-pressed': 'false' },
      element('span', { class: `swatch k${number}`, 'aria-hidden': 'true' }), kind, ' ', element('small', {}, words));
    button.addEventListener('click', () => {
      state.kind = state.kind === number ? null : number;
      markLegend();
      refresh();
    });
    return button;
  });
  $('legend').replaceChildren(...made.filter(Boolean));
}

function markLegend() {
  for (const button of $('legend').children) button.setAttribute('aria-pressed', String(button.id === `kind-${state.kind}`));
}
