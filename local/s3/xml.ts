/** A piece of finished XML, which goes into a template as it is; plain values are escaped there. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | boolean | undefined | Markup | Markup[];

/** Template tag that escapes what is put into it, so that no key can break out of its element. */
export function xml(parts: TemplateStringsArray, ...values: Value[]): Markup {
  return new Markup(parts.map((part, index) => part + render(values[index])).join(''));
}

/** The whole document, with the declaration that S3 puts in front. */
export function document(root: Markup): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root.text}`;
}

/** What stands in each element of this name, in order; for the small and flat bodies that S3 clients send. */
export function contents(source: string, name: string): string[] {
  return [...source.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>(.*?)</${name}>`, 'gs'))].map((match) => match[1] ?? '');
}

/** The text of the first element of this name. */
export function text(source: string, name: string): string | undefined {
  const content = contents(source, name)[0];
  return content === undefined ? undefined : decodeEntities(content);
}

const NAMED: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function render(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map((markup) => markup.text).join('');
  // Control characters are written as references, as S3 does: a parser would drop or alter them otherwise.
  return Array.from(String(value), (char) => {
    const code = char.codePointAt(0) ?? 0;
    return NAMED[char] ?? (code < 0x20 || code === 0x7f ? `&#x${code.toString(16)};` : char);
  }).join('');
}

function decodeEntities(value: string): string {
  return value.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string) => {
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal) return String.fromCodePoint(Number(decimal));
    if (whole === '&apos;') return "'";
    return Object.entries(NAMED).find(([, entity]) => entity === whole)?.[0] ?? whole;
  });
}
