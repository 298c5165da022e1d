import type { StateRow } from '../content.ts';
import { clock, waitWords } from '../words.ts';
import { el } from './dom.ts';

let ids = 0;

/** One stay in a state: a line that opens to its input and output. */
export class StateView {
  readonly element = el('li');
  readonly #button: HTMLButtonElement;
  readonly #name = el('span', { class: 'name' });
  readonly #time = el('span', { class: 'time' });
  readonly #bar = el('span', { class: 'bar' });
  readonly #took = el('span', { class: 'time' });
  readonly #notes = el('ol', { class: 'notes' });
  /** What is left of a wait that goes on. */
  readonly #left = el('span', { 'aria-hidden': 'true' });
  readonly #json = el('div', { class: 'json', id: `json-${++ids}`, hidden: true });
  #state: StateRow;

  constructor(state: StateRow) {
    this.#state = state;
    const track = el('span', { class: 'track' }, this.#bar);
    this.#button = el(
      'button',
      { type: 'button', class: 'state', 'aria-expanded': 'false', 'aria-controls': this.#json.id },
      ...[this.#time, this.#name, track, this.#took],
    );
    this.#button.addEventListener('click', () => this.#toggle());
    if (state.isRedriven) this.element.append(el('p', { class: 'redriven' }, 'Redriven: goes on where it failed'));
    this.element.append(this.#button, this.#json, this.#notes);
    this.update(state);
  }

  update(state: StateRow): void {
    this.#state = state;
    this.#name.textContent = state.name;
    this.#time.textContent = clock(state.at);
    this.#button.classList.toggle('bad', state.hasFailed);
    this.#notes.replaceChildren(...notesOf(state));
    this.#notes.lastElementChild?.append(this.#left);
    if (!this.#json.hidden) this.#show();
  }

  /**
   * Draws the bar, and what is left of a wait.
   *
   * @param now Milliseconds from the execution's start.
   * @param shown What the whole track stands for.
   */
  draw(now: number, shown: { from: number; total: number }): void {
    const { at, ms = Math.max(0, now - at), notes } = this.#state;
    this.#took.textContent = clock(ms);
    this.#bar.style.left = `${((at - shown.from) / shown.total) * 100}%`;
    this.#bar.style.width = `${(ms / shown.total) * 100}%`;
    this.#bar.style.backgroundImage = `linear-gradient(90deg, ${stopsOf(this.#state, ms)})`;
    const last = notes.at(-1);
    const left = last?.type === 'wait' && this.#state.ms === undefined ? last.at + last.ms - now : 0;
    this.#left.textContent = left > 0 ? `, ${Math.ceil(left / 1000)} s left` : '';
  }

  #toggle(): void {
    this.#json.hidden = !this.#json.hidden;
    this.#button.setAttribute('aria-expanded', String(!this.#json.hidden));
    if (!this.#json.hidden) this.#show();
  }

  #show(): void {
    const { input, output } = this.#state;
    this.#json.replaceChildren(panel('Input', input), panel('Output', output));
  }
}

/** The colours of a bar: what is worked, and what is waited. @param ms how long the state has taken */
function stopsOf({ at, notes }: StateRow, ms: number): string {
  const percent = (time: number) => `${Math.min(100, (Math.max(0, time - at) / Math.max(1, ms)) * 100)}%`;
  let from = '0%';
  const stops = notes.flatMap((note) => {
    if (note.type !== 'wait') return [];
    const [begin, end] = [percent(note.at), percent(note.at + note.ms)];
    const worked = `var(--work) ${from} ${begin}`;
    from = end;
    return [worked, `var(--pause) ${begin} ${end}`];
  });
  return [...stops, `var(--work) ${from} 100%`].join(', ');
}

function panel(title: string, value: unknown): HTMLElement {
  const text = value === undefined ? 'None yet' : JSON.stringify(value, null, 2);
  return el('div', {}, el('h4', {}, title), el('pre', { tabindex: '0', 'aria-label': title }, text));
}

function notesOf({ notes, hasFailed, input }: StateRow): HTMLElement[] {
  return notes.map((note, index) => {
    if (note.type === 'wait') {
      return el('li', { class: note.ms < note.askedMs ? 'shortened' : '' }, waitWords(note, input));
    }
    if (note.type === 'remark') return el('li', {}, note.text);
    // The last one is told above, with its remedy.
    const message = hasFailed && index === notes.length - 1 ? '' : note.message;
    return el('li', { class: 'failure' }, `${note.error} `, el('span', {}, message));
  });
}
