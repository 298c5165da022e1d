import type { Command, Controls, PauseNote } from '../content.ts';
import { dollars, pauseWords } from '../words.ts';
import { announce, button, byId, el } from './dom.ts';

const day = byId<HTMLSelectElement>('day');
const mode = byId<HTMLFieldSetElement>('mode');
const shorten = byId<HTMLInputElement>('shorten');

/** What is said if nobody serves the page any more. */
export const GONE = 'The local run does not answer. Start it again: npm run local';

/** Asks the server for something, and says why if it does not do it. */
export async function ask(method: string, path: string, body?: BodyInit): Promise<void> {
  const response = await fetch(path, { method, ...(body !== undefined && { body }) }).catch(() => undefined);
  showProblem(response?.ok ? undefined : ((await response?.text()) ?? GONE));
}

export function showProblem(text: string | undefined): void {
  const problem = byId('problem');
  problem.hidden = text === undefined;
  problem.textContent = text ?? '';
}

/** Lets one drop images, and choose how they fare. */
export function setUpDesk(): void {
  byId('desk').hidden = false;
  byId('terminal').hidden = false;
  day.addEventListener('change', () => choose({ day: day.value }));
  shorten.addEventListener('change', () => choose({ shorten: shorten.checked }));
  mode.addEventListener('change', () =>
    choose({ webhook: mode.querySelector('input:checked')?.getAttribute('value') === 'webhook' }),
  );
  const files = byId<HTMLInputElement>('files');
  files.addEventListener('change', () => {
    void upload(files.files);
    files.value = '';
  });
  const { body } = document;
  body.addEventListener('dragover', (event) => {
    event.preventDefault();
    body.classList.add('dragging');
  });
  body.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) body.classList.remove('dragging');
  });
  body.addEventListener('drop', (event) => {
    event.preventDefault();
    body.classList.remove('dragging');
    void upload(event.dataTransfer?.files);
  });
}

let shown = '';

/** Shows what is chosen, also by another window. */
export function showControls(controls: Controls): void {
  byId('totals').textContent = totalsOf(controls);
  const { sent: _, paid: __, ...lasting } = controls;
  const text = JSON.stringify(lasting);
  if (text === shown) return;
  shown = text;
  const { webhook, isDeploying, days, samples, commands } = controls;
  day.replaceChildren(
    ...days.map(({ id, title, needsWebhook }) => {
      const isOff = needsWebhook && !webhook;
      return el('option', { value: id, disabled: isOff }, isOff ? `${title} (with webhook)` : title);
    }),
  );
  day.value = controls.day;
  shorten.checked = controls.shorten;
  for (const input of mode.querySelectorAll('input')) input.checked = (input.value === 'webhook') === webhook;
  mode.disabled = isDeploying;
  byId('says').textContent = isDeploying
    ? 'The stack is deployed again. Executions that have begun keep their definition.'
    : (days.find(({ id }) => id === controls.day)?.says ?? '');
  showPause(controls.pause);
  byId('samples').replaceChildren(...samples.map(sampleOf));
  byId('commands').replaceChildren(...commands.map(commandOf));
}

/** Says why uploads wait, and lets one have them go on. */
function showPause(pause: PauseNote | undefined): void {
  const place = byId('pause');
  place.hidden = pause === undefined;
  if (pause === undefined) return;
  const goOn = button('plain', 'Let uploads go on', () => void ask('POST', '/resume'));
  place.replaceChildren(el('p', {}, pauseWords(pause)), goOn);
}

function choose(what: Partial<Controls>): void {
  void ask('PUT', '/controls', JSON.stringify(what));
}

async function upload(files: FileList | null | undefined): Promise<void> {
  for (const file of files ?? []) await ask('PUT', `/uploads/${encodeURIComponent(file.name)}`, file);
}

function totalsOf({ sent, paid, pricePerImage }: Controls): string {
  return `The gateway counts ${sent} sent, ${paid} paid: ${dollars(paid, pricePerImage)}`;
}

function sampleOf(name: string): HTMLElement {
  const path = `/samples/${encodeURIComponent(name)}`;
  const made = button('sample', '', () => void ask('POST', path));
  made.append(el('img', { src: path, alt: 'Sample:' }), el('span', {}, name));
  return made;
}

function commandOf({ title, command }: Command): HTMLElement {
  const pre = el('pre', { tabindex: '0', 'aria-label': title }, command);
  const copy = button('plain', 'Copy', async () => {
    await navigator.clipboard.writeText(command);
    announce('Copied.');
    copy.textContent = 'Copied';
    setTimeout(() => {
      copy.textContent = 'Copy';
    }, 1500);
  });
  copy.setAttribute('aria-label', `Copy: ${title}`);
  return el('div', { class: 'command' }, el('h3', {}, title), el('div', {}, pre, copy));
}
