import type { Row } from '../content.ts';
import { el } from './dom.ts';

/** The two pictures, one above the other, and a slider between them. */
export class Compare {
  readonly element = el('div', { class: 'compare' });
  #shown = '';

  constructor() {
    this.#moveTo('50');
  }

  update({ title, before, after, status }: Row): void {
    const shown = JSON.stringify([before, after, status === 'RUNNING']);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const both = before !== undefined && after !== undefined;
    this.element.classList.toggle('both', both);
    this.element.replaceChildren(
      ...(after === undefined ? [] : [this.#picture('after', after, `Cutout of ${title}`)]),
      ...(before === undefined ? [] : [this.#picture('before', before, `${title}, as uploaded`)]),
      ...(both ? this.#slider(title) : []),
      ...(before === undefined && after === undefined
        ? [nothing(status === 'RUNNING' ? 'No picture yet' : 'No picture')]
        : []),
    );
  }

  #picture(className: string, src: string, alt: string): HTMLImageElement {
    const image = el('img', { class: className, src, alt, decoding: 'async' });
    image.addEventListener('load', () => {
      this.element.style.aspectRatio = `${image.naturalWidth} / ${image.naturalHeight}`;
    });
    image.addEventListener('error', () => image.replaceWith(nothing('No preview of this file')));
    return image;
  }

  #slider(title: string): HTMLElement[] {
    const slider = el('input', {
      type: 'range',
      min: '0',
      max: '100',
      value: '50',
      'aria-label': `${title}: before and after`,
    });
    slider.addEventListener('input', () => this.#moveTo(slider.value));
    this.#moveTo('50');
    const tags = ['before', 'after'].map((tag) => el('span', { class: 'tag', 'aria-hidden': 'true' }, tag));
    return [slider, el('span', { class: 'handle' }), ...tags];
  }

  #moveTo(percent: string): void {
    this.element.style.setProperty('--at', `${percent}%`);
  }
}

function nothing(text: string): HTMLElement {
  return el('span', { class: 'empty' }, text);
}
