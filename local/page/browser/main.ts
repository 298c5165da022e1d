import type { Controls, Row, Still } from '../content.ts';
import { ask, GONE, setUpDesk, showControls, showProblem } from './controls.ts';
import { byId } from './dom.ts';
import { RowView, type Surroundings } from './row.ts';

/** How often times and bars of what goes on are drawn, in milliseconds. */
const DRAW_MS = 100;

const rows = new Map<string, Row>();
const views = new Map<string, RowView>();
let around: Surroundings = { pricePerImage: 0 };

function show(row: Row): void {
  rows.set(row.arn, row);
  const view = views.get(row.arn);
  if (view) {
    view.update(row, around);
    return;
  }
  const made = new RowView(row, around);
  views.set(row.arn, made);
  byId('rows').prepend(made.element);
  byId('none').hidden = true;
}

/** What was written by `npm start`: nobody serves it. */
function showStill({ rows, pricePerImage, madeAt }: Still): void {
  around = { pricePerImage };
  byId('totals').textContent = `Made by npm start, ${new Date(madeAt).toLocaleString()}`;
  for (const row of rows.toReversed()) show(row);
}

/** What goes on in a local run. */
function follow(): void {
  setUpDesk();
  byId('none').hidden = false;
  const events = new EventSource('/events');
  events.addEventListener('controls', ({ data }) => {
    const controls: Controls = JSON.parse(data);
    const today = controls.days.find(({ id }) => id === controls.day)?.title;
    const isNew = today !== around.today || controls.pricePerImage !== around.pricePerImage;
    around = { pricePerImage: controls.pricePerImage, today, redrive };
    showControls(controls);
    if (isNew) for (const row of rows.values()) show(row);
  });
  events.addEventListener('row', ({ data }) => show(JSON.parse(data)));
  let isGone = false;
  events.addEventListener('error', () => {
    isGone = true;
    showProblem(GONE);
  });
  // Another run, of which nothing here tells.
  events.addEventListener('open', () => isGone && location.reload());
  setInterval(() => {
    for (const view of views.values()) if (view.isRunning) view.draw();
  }, DRAW_MS);
}

function redrive(name: string): void {
  void ask('POST', `/redrive/${encodeURIComponent(name)}`);
  // The button goes away, and the focus would be lost with it.
  for (const [arn, row] of rows) if (row.name === name) views.get(arn)?.element.focus();
}

const still: Still | null = JSON.parse(byId('still').textContent ?? 'null');
if (still) showStill(still);
else follow();
