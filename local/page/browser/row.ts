import type { ErrorRow, Row, StateRow, SubmissionRow } from '../content.ts';
import { clock, dollars, duration, remark, shortenedBy, size, statusWords } from '../words.ts';
import { Compare } from './compare.ts';
import { announce, button, el } from './dom.ts';
import { StateView } from './state.ts';

/** What a row needs to know besides. */
export interface Surroundings {
  pricePerImage: number;
  /** Title of the day that is chosen; undefined where nobody can choose. */
  today?: string | undefined;
  /** Undefined where nothing can be redriven any more. */
  redrive?: ((name: string) => void) | undefined;
}

/** An image on the page. */
export class RowView {
  readonly element = el('article', { tabindex: '-1' });
  readonly #compare = new Compare();
  readonly #title = el('div', { class: 'title' });
  readonly #facts = el('div');
  readonly #states = el('ol', { class: 'states', 'aria-label': 'States' });
  readonly #views: StateView[] = [];
  #row: Row;
  #drawn = '';

  constructor(row: Row, around: Surroundings) {
    this.#row = row;
    this.element.append(this.#compare.element, el('div', {}, this.#title, this.#facts, this.#states));
    this.update(row, around);
  }

  get isRunning(): boolean {
    return this.#row.status === 'RUNNING';
  }

  update(row: Row, around: Surroundings): void {
    const before = this.#row.status;
    this.#row = row;
    const { status, title } = row;
    this.element.setAttribute('aria-label', title);
    this.element.classList.toggle('running', status === 'RUNNING');
    this.element.classList.toggle('failed', row.error !== undefined);
    this.#compare.update(row);
    // What has the focus, or is being read, stays unless it has changed.
    const { states, ...facts } = row;
    const drawn = JSON.stringify([facts, around.today, statusWords(row), shortenedBy(row)]);
    if (drawn !== this.#drawn) {
      this.#drawn = drawn;
      this.#title.replaceChildren(...titleOf(row));
      this.#facts.replaceChildren(...factsOf(row, around));
    }
    this.#updateStates(states);
    this.draw();
    if (before === 'RUNNING' && status !== 'RUNNING') announce(`${title}: ${statusWords(row)}. ${countWords(row)}.`);
  }

  /** Draws the bars and times of what goes on. */
  draw(): void {
    const { startedAt, ms = Date.now() - startedAt, states } = this.#row;
    // Each run has a scale of its own: days may pass before a redrive.
    const starts = states.flatMap(({ isRedriven, at }, index) => (index === 0 || isRedriven ? [at] : []));
    for (const [index, view] of this.#views.entries()) {
      const at = states[index]?.at ?? 0;
      const from = starts.findLast((start) => start <= at) ?? 0;
      const last = states.findLast((state) => (starts.findLast((start) => start <= state.at) ?? 0) === from);
      const to = last === undefined || last === states.at(-1) ? ms : last.at + (last.ms ?? 0);
      view.draw(ms, { from, total: Math.max(1, to - from) });
    }
  }

  #updateStates(states: StateRow[]): void {
    for (const [index, state] of states.entries()) {
      const view = this.#views[index];
      if (view) view.update(state);
      else {
        const made = new StateView(state);
        this.#views.push(made);
        this.#states.append(made.element);
      }
    }
  }
}

function titleOf(row: Row): HTMLElement[] {
  return [
    el('h3', {}, row.title),
    ...(row.day === undefined ? [] : [el('span', { class: 'pill day' }, `Gateway: ${row.day}`)]),
    el('span', { class: 'pill status' }, statusWords(row)),
  ];
}

function factsOf(row: Row, around: Surroundings): HTMLElement[] {
  const { source, result, after, submissions, error } = row;
  const facts = el('dl', { class: 'places' });
  const add = (term: string, ...what: (Node | string)[]) => facts.append(el('dt', {}, term), el('dd', {}, ...what));
  add('Source', el('code', {}, source));
  if (result) {
    const { place, contentType, bytes } = result;
    add(
      'Result',
      linked(el('code', {}, place), after),
      ' ',
      el('span', { class: 'what' }, `${size(bytes)}, ${contentType}`),
    );
  }
  add('Gateway', ...countOf(row, around.pricePerImage), submissionsOf(submissions));
  const said = remark(row);
  const saved = shortenedBy(row);
  return [
    facts,
    ...(said === undefined ? [] : [el('p', { class: 'remark' }, said)]),
    ...(saved < 1000
      ? []
      : [el('p', { class: 'remark shortened' }, `Long waits are shortened, by ${duration(saved)} in all.`)]),
    ...(error === undefined ? [] : [errorOf(row, error, around)]),
  ];
}

/** What leads to the cutout, as long as it is served. */
function linked(text: HTMLElement, address = ''): HTMLElement {
  return address.startsWith('/') ? el('a', { href: address, target: '_blank' }, text) : text;
}

function countWords({ submissions }: Row): string {
  return `${submissions.length} sent, ${submissions.filter(({ isPaid }) => isPaid).length} paid`;
}

function countOf({ submissions }: Row, pricePerImage: number): Node[] {
  const paid = submissions.filter(({ isPaid }) => isPaid).length;
  const counts = el(
    'span',
    { class: 'count' },
    ...[el('strong', {}, String(submissions.length)), ' sent, ', el('strong', {}, String(paid)), ' paid '],
  );
  return [counts, el('span', { class: 'what' }, dollars(paid, pricePerImage))];
}

function submissionsOf(submissions: SubmissionRow[]): HTMLElement {
  const lines = submissions.map(({ at, requestId, status, isPaid }) => {
    const became =
      status === 'REFUSED' ? 'refused' : `${status.replace('ACCEPTED', 'accepted')}, ${isPaid ? 'paid' : 'not paid'}`;
    const id = requestId === undefined ? [] : [el('code', {}, requestId)];
    return el('li', {}, el('span', {}, clock(at)), el('span', {}, became), ...id);
  });
  return el('ol', { class: 'submissions', 'aria-label': 'Submissions' }, ...lines);
}

function errorOf({ name, day }: Row, error: ErrorRow, { redrive, pricePerImage, today }: Surroundings): HTMLElement {
  const { cause, remedy, file, redriveHelps, redrivePays } = error;
  const box = el(
    'div',
    { class: 'error' },
    ...[el('h4', {}, error.name), el('p', {}, cause), el('p', {}, remedy)],
    ...(file === undefined ? [] : [el('p', {}, el('code', {}, file))]),
  );
  if (!redrive || !redriveHelps) return box;
  const price = redrivePays
    ? `submits the image, for ${dollars(1, pricePerImage)}`
    : 'submits nothing, and costs nothing';
  const still = day !== undefined && day === today ? ` The gateway is still set to “${day}”.` : '';
  const act = button('go', 'Redrive', () => redrive(name));
  box.append(el('div', { class: 'act' }, act, el('span', {}, price + still)));
  return box;
}
