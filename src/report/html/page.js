// Starts the page: reads the report, draws everything, and reacts to input.

function start() {
  const answer = JSON.parse($('data').textContent);
  state.variables = answer.variables;
  state.inside = new Map(Object.entries(answer.inside));
  state.largest = answer.variables.reduce((most, variable) => Math.max(most, variable.length), 1);
  for (const variable of state.variables) {
    variable.search = `${variable.name} ${variable.type} ${variable.preview}`.toLowerCase();
  }
  document.querySelector('main').hidden = false;
  marks(answer);
  verdict(answer.verdict);
  // Of a file that somebody else made, this comes before all else.
  if (answer.verdict?.class === 'dangerous' && answer.signed?.by !== 'you') document.querySelector('main').prepend($('verdict'));
  crash(answer);
  leftOut(answer);
  provenance(answer);
  drawHead();
  drawImports();
  drawOmitted(answer.omitted_variables);
  drawLegend(state.variables);
  for (const section of ['map-section', 'table-section']) $(section).hidden = state.variables.length === 0;
  refresh();
  follow();
}

function follow() {
  // Draw at most once for each frame, however fast the user types or scrolls.
  const once = (draw) => {
    let asked = false;
    return () => {
      if (!asked) requestAnimationFrame(() => { asked = false; draw(); });
      asked = true;
    };
  };
  $('filter').addEventListener('input', once(() => {
    state.text = $('filter').value;
    refresh();
  }));
  $('rows').addEventListener('scroll', once(() => drawRows()));
  $('map').addEventListener('keydown', moveInMap);
  window.addEventListener('scroll', () => { $('tip').hidden = true; }, { passive: true });
  new ResizeObserver(once(() => {
    drawMap(state.rows);
    drawRows();
  })).observe($('map'));
  window.addEventListener('beforeprint', () => drawRows(true));
  window.addEventListener('afterprint', () => drawRows());
}

start();
