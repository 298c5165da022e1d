/** An event pattern of EventBridge: each field has its alternatives. */
export type Pattern = { [field: string]: Pattern | Matcher[] };
type Scalar = string | number | boolean | null;
type Matcher = Scalar | { [comparison: string]: unknown };

/** Whether an event matches a pattern: each field must match one of its alternatives. */
export function matches(pattern: Pattern, event: unknown): boolean {
  return Object.entries(pattern).every(([field, expected]) => {
    const value = (event as Record<string, unknown> | null | undefined)?.[field];
    if (!Array.isArray(expected)) return matches(expected, value);
    // Of a list in the event, one element suffices.
    const values = Array.isArray(value) ? value : [value];
    return expected.some((matcher) => values.some((each) => matchesOne(matcher, each)));
  });
}

function matchesOne(matcher: Matcher, value: unknown): boolean {
  if (matcher === null || typeof matcher !== 'object') return matcher === value;
  const [[comparison = '', operand] = [], ...more] = Object.entries(matcher);
  if (more.length > 0) throw unknown(matcher);
  switch (comparison) {
    case 'prefix':
      return compareText(operand, value, (expected, text) => text.startsWith(expected));
    case 'suffix':
      return compareText(operand, value, (expected, text) => text.endsWith(expected));
    case 'equals-ignore-case':
      return compareText(matcher, value, (expected, text) => text === expected);
    case 'wildcard':
      return typeof value === 'string' && wildcard(String(operand)).test(value);
    case 'exists':
      return (value !== undefined) === operand;
    case 'numeric':
      return typeof value === 'number' && isWithin(operand as (string | number)[], value);
    case 'anything-but':
      return value !== undefined && !isOneOf(operand, value);
    default:
      throw unknown(matcher);
  }
}

/** What `anything-but` excludes: a value, or one of several, or what another comparison with one or several matches. */
function isOneOf(operand: unknown, value: unknown): boolean {
  if (operand === null || typeof operand !== 'object') return operand === value;
  if (Array.isArray(operand)) return operand.includes(value);
  return Object.entries(operand).some(([comparison, expected]) =>
    [expected].flat().some((each) => matchesOne({ [comparison]: each }, value)),
  );
}

/** Compares texts, regardless of case if the operand says so. */
function compareText(operand: unknown, value: unknown, compare: (expected: string, text: string) => boolean): boolean {
  if (typeof value !== 'string') return false;
  if (typeof operand === 'string') return compare(operand, value);
  const { 'equals-ignore-case': expected } = operand as { 'equals-ignore-case': string };
  return compare(expected.toLowerCase(), value.toLowerCase());
}

/** `*` stands for any run of characters, `\*` for itself. */
function wildcard(pattern: string): RegExp {
  const source = pattern.replace(/\\([\\*])|\*|[^\\*]+|\\/g, (part, escaped) =>
    part === '*' ? '.*' : (escaped ?? part).replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
  );
  return new RegExp(`^${source}$`, 's');
}

/** Such as `['>', 0, '<=', 5]`. */
function isWithin(bounds: (string | number)[], value: number): boolean {
  const [operator, bound, ...rest] = bounds as [string, number, ...(string | number)[]];
  const compared: Record<string, boolean> = {
    '=': value === bound,
    '<': value < bound,
    '<=': value <= bound,
    '>': value > bound,
    '>=': value >= bound,
  };
  return compared[operator] === true && (rest.length === 0 || isWithin(rest, value));
}

function unknown(matcher: Matcher): Error {
  return new Error(`The local event bus does not know the pattern ${JSON.stringify(matcher)}`);
}
