// The parts of the page other than variables: what was left out, where the session comes from, and the verdict.

/** How many items of a long list are drawn before "Show all" is pressed. */
const FIRST = 100;

/** A list. If it is long, a button shows the rest. */
function longList(entries, draw) {
  const made = element('ul', { class: 'plain' });
  made.append(...entries.slice(0, FIRST).map(draw));
  if (entries.length > FIRST) {
    const more = element('button', { type: 'button' }, `Show all ${entries.length.toLocaleString('en')}`);
    more.addEventListener('click', () => {
      more.parentElement.remove();
      made.append(...entries.slice(FIRST).map(draw));
    });
    made.append(element('li', {}, more));
  }
  return made;
}

/** The objects that a marker stands for, in all variables. */
const lostObjects = (answer) => answer.variables.flatMap((variable) => variable.lost ?? []);

/** What was left out. The local variables of frames are shown with their frames. */
const leftOutOf = (answer) => answer.left_out.filter((item) => !hasFrames(answer) || !/^frame\[\d+\]\./.test(item.name));

function leftOut(answer) {
  const items = leftOutOf(answer);
  const lost = lostObjects(answer);
  const failed = items.filter((item) => item.reason === 'failed');
  const ruled = items.filter((item) => item.reason !== 'failed');
  if (items.length === 0 && lost.length === 0) return;
  $('left-out').hidden = false;
  if (failed.length > 0) {
    $('left-out').append(element('h3', {}, `${count(failed.length, 'variable')} cannot be saved`), longList(failed, failure));
  }
  if (lost.length > 0) {
    const title = `${count(lost.length, 'object')} within variables cannot be saved`;
    $('left-out').append(element('h3', {}, title), longList(lost, lostObject));
  }
  if (ruled.length > 0) {
    const title = element('summary', {}, `${count(ruled.length, 'variable')} left out by a rule or option`);
    $('left-out').append(element('details', { open: ruled.length <= 10 }, title, longList(ruled, byRule)));
  }
}

function heading(item) {
  const line = item.line === undefined ? '' : `, line ${item.line}`;
  return element('p', { class: 'item' }, element('strong', {}, plain(item.name)), ` ${plain(item.type)}${line}`);
}

function failure(item) {
  const facts = [
    ['At fault', item.path === undefined ? '' : plain(item.path) + (item.fault_type ? ` (${plain(item.fault_type)})` : '')],
    ['Used by', (item.users ?? []).map(plain).join(', ')],
    ['Hint', plain(item.hint)],
  ];
  return element('li', { class: 'failed' }, heading(item), element('p', { class: 'error' }, plain(item.error)), list(facts));
}

function lostObject(item) {
  const facts = [['At fault', plain(item.fault)], ['Hint', plain(item.hint)]];
  const title = element('p', { class: 'item' }, element('strong', {}, plain(item.path)), ` ${plain(item.type)}`);
  return element('li', { class: 'failed' }, title, element('p', { class: 'error' }, plain(item.error)), list(facts));
}

const byRule = (item) => element('li', {}, heading(item), element('p', {}, plain(item.error)));

/** Whether the file may do harm when it is loaded: one that you signed does what you saved. */
const isAlarm = (answer) => answer.verdict?.class === 'dangerous' && answer.signed?.by !== 'you';

/** The most important facts, at the top of the page. */
function marks(answer) {
  const failed = leftOutOf(answer).filter((item) => item.reason === 'failed').length;
  const ruled = leftOutOf(answer).length - failed;
  const lost = lostObjects(answer).length;
  const how = answer.script.ended.how;
  const found = [
    failed > 0 && ['bad', `${count(failed, 'variable')} cannot be saved`, '#left-out'],
    lost > 0 && ['bad', `${count(lost, 'object')} within variables cannot be saved`, '#left-out'],
    ruled > 0 && ['', `${ruled.toLocaleString('en')} left out by a rule or option`, '#left-out'],
    ['exception', 'interrupted', 'signal'].includes(how) && ['bad', `the script ${ending(answer.script)}`, hasFrames(answer) ? '#crash' : '#facts'],
    answer.signed && [answer.signed.by === 'other' ? 'bad' : '', plain(answer.signed.words), '#facts'],
    answer.verdict && [isAlarm(answer) ? 'bad' : '', `verdict: ${plain(answer.verdict.class)}`, '#verdict'],
  ].filter(Boolean);
  $('marks').append(...found.map(([kind, words, target]) => element('li', { class: kind }, element('a', { href: target }, words))));
  if (found.length === 0) $('marks').remove();
}

/** The warning for a snapshot that this user has not signed. */
const HEARSAY =
  ' Variables, their types and values are read from the pickle; everything else on this page is what the file says.';

/** Where the session comes from. A pickle from another program does not record this. */
function provenance(answer) {
  const { script, python } = answer;
  const isBelieved = !answer.signed || !answer.created || answer.signed?.by === 'you';
  if (answer.signed) {
    $('facts').hidden = false;
    $('facts').append(list([['Signature', `The file is ${plain(answer.signed.words)}.${isBelieved ? '' : HEARSAY}`]]));
  }
  if (!answer.created && !script.path) return;
  $('origin').textContent = `saved ${when(answer.created)} from ${commandLine(script)}, which ${ending(script)}${isBelieved ? '' : ' (says the file)'}`;
  $('origin').hidden = false;
  $('facts').hidden = false;
  const packages = Object.entries(answer.packages).map(([name, version]) => element('span', { class: 'package' }, `${plain(name)} ${plain(version)}`));
  const facts = [
    [script.kind === 'module' ? 'Module' : 'Script', plain(script.path)],
    ['Arguments', script.argv.slice(1).map(plain).join(' ')],
    ['Saved', when(answer.created)],
    ['Ended', `${ending(script)}${script.ended.code ? ` (exit code ${script.ended.code})` : ''}`],
    ['Python', plain([python.version, python.implementation].filter(Boolean).join(', '))],
    ['Executable', plain(python.executable)],
    ['Platform', plain(python.platform)],
    ['dill', python.dill ? plain(python.dill) : 'not needed'],
    ['Packages', packages.length > 0 ? element('span', {}, ...packages.flatMap((made) => [made, ' '])) : ''],
    ['Namespace', plain(answer.module)],
    ['BLAKE3 of the script', plain(script.blake3)],
    ['snapcli', plain(answer.snapcli)],
  ];
  $('facts').append(list(facts));
  if (script.ended.traceback && !hasFrames(answer)) {
    const traceback = element('pre', { tabindex: 0 }, plainLines(script.ended.traceback));
    $('facts').append(element('details', {}, element('summary', {}, 'Traceback'), traceback));
  }
}

/** What loading the file would import and call. */
function verdict(found) {
  if (!found) return;
  const words = {
    plain: 'Loading it builds plain data.',
    code: 'Loading it recreates functions and classes.',
    calls: 'Loading it calls importable code that is not known to be harmless.',
    dangerous: 'Loading it can do anything: run commands, evaluate code, open files or sockets.',
    'not judged': 'The file is too large to tell what loading it would do.',
  };
  $('verdict').hidden = false;
  $('verdict').append(element('p', { class: found.class === 'dangerous' ? 'bad' : '' },
    element('strong', {}, plain(found.class)), ` ${Object.hasOwn(words, found.class) ? words[found.class] : ''}`));
  const findings = found.findings ?? [];
  const line = (finding) => element('li', { class: finding.class === 'dangerous' ? 'failed' : '' },
    element('code', {}, `${plain(finding.callee)}${plain(finding.arguments)}`), ` ${plain(finding.why)}`,
    element('small', {}, ` at byte ${finding.offset}${finding.count > 1 ? `, ${finding.count} times` : ''}`));
  // Show the findings that decide the verdict, and fold the others.
  const worst = findings.filter((finding) => finding.class === found.class);
  const mild = findings.filter((finding) => finding.class !== found.class);
  const [shown, folded] = ['dangerous', 'calls', 'not judged'].includes(found.class) ? [worst, mild] : [[], findings];
  if (shown.length > 0) $('verdict').append(longList(shown, line));
  if (folded.length > 0) {
    const title = element('summary', {}, `${count(folded.length, shown.length > 0 ? 'less severe finding' : 'finding')}`);
    $('verdict').append(element('details', {}, title, longList(folded, line)));
  }
  if (found.more > 0) $('verdict').append(element('p', {}, `and ${count(found.more, 'more finding')}`));
  $('verdict').append(element('p', {}, element('small', {}, 'Static analysis of a pickle is never a proof: load only files that you trust.')));
}
