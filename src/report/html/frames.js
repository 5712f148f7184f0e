// Where a script was when it failed: the tracebacks, with the local variables of each frame.

/** The numbers of the frames that are drawn of a long traceback: the outermost and the innermost. */
const OUTERMOST = 5;
const INNERMOST = 30;

/** The local variables by the number of their frame: `frame[3].batch` is `batch` of frame 3. */
function localsByFrame(answer) {
  const found = new Map();
  const add = (item, saved) => {
    const [, number, name] = /^frame\[(\d+)\]\.(.*)$/s.exec(item.name) ?? [];
    if (name === undefined) return;
    if (!found.has(Number(number))) found.set(Number(number), []);
    found.get(Number(number)).push({ name, type: item.type, value: saved ? item.preview : undefined });
  };
  for (const item of answer.frame_locals ?? []) add(item, true);
  for (const item of answer.left_out) add(item, false);
  return found;
}

function localVariable({ name, type, value }) {
  const shown = value === undefined ? 'not saved' : plain(value);
  return element('li', {}, element('strong', {}, plain(name)), ` ${plain(type)}`,
    element('code', { class: 'value' }, shown));
}

/** The same call can be in two tracebacks: then one frame has the local variables of both. */
const localsOf = (frame, number, locals) => locals.get(frame.same_as ?? number) ?? [];

/** A frame, which shows its local variables when it is opened. */
function drawFrame(frame, number, locals, open) {
  const where = element('span', { class: 'where' }, `[${number}] ${plain(frame.path)}, line ${Number(frame.line)}, in `,
    element('strong', {}, plain(frame.function)));
  const source = frame.source ? element('code', { class: 'source' }, plain(frame.source)) : undefined;
  const made = localsOf(frame, number, locals);
  if (made.length === 0) return element('li', {}, where, source);
  const title = element('summary', {}, where, source);
  return element('li', {}, element('details', { open }, title, longList(made, localVariable)));
}

function drawRaised(raised, frames, locals) {
  const part = element('div', { class: 'raised' });
  if (raised.relation === 'member') part.append(element('p', {}, 'In the exception group:'));
  const hidden = frames.length - OUTERMOST - INNERMOST;
  const innermost = frames.findLastIndex(([frame, number]) => localsOf(frame, number, locals).length > 0);
  const drawn = frames.map(([frame, number], position) => drawFrame(frame, number, locals, position === innermost));
  const list = element('ol', { class: 'frames' });
  list.append(...(hidden > 0 ? drawn.slice(0, OUTERMOST) : drawn));
  if (hidden > 0) {
    const more = element('button', { type: 'button' }, `Show ${count(hidden, 'more frame')}`);
    const place = element('li', {}, more);
    more.addEventListener('click', () => place.replaceWith(...drawn.slice(OUTERMOST, OUTERMOST + hidden)));
    list.append(place, ...drawn.slice(OUTERMOST + hidden));
  }
  part.append(list);
  if (raised.omitted > 0) part.append(element('p', {}, `${count(Number(raised.omitted), 'frame')} in between are not kept.`));
  part.append(element('p', { class: 'error' }, plainLines(raised.text)));
  const next = { cause: 'It was the direct cause of the following exception:', context: 'While it was handled, another exception occurred:' };
  if (Object.hasOwn(next, raised.relation ?? '')) part.append(element('p', {}, next[raised.relation]));
  return part;
}

/** Whether the file has the frames of a script that failed. */
const hasFrames = (answer) => (answer.frames ?? []).length > 0;

function crash(answer) {
  if (!hasFrames(answer)) return;
  const locals = localsByFrame(answer);
  const frames = answer.frames.map((frame, number) => [frame, number]);
  $('crash').hidden = false;
  $('crash').append(...(answer.raised ?? []).map((raised, position) =>
    drawRaised(raised, frames.filter(([frame]) => frame.raised === position), locals)));
  if (answer.omitted_locals > 0) {
    $('crash').append(element('p', {}, `${count(answer.omitted_locals, 'more local variable')}: snapcli inspect --all shows them.`));
  }
}
