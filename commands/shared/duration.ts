const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** A time limit such as `90s`, `10m` or `1h`, in milliseconds. @throws Error that names the option */
export function parseDuration(option: string, text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([smh])$/.exec(text) ?? [];
  if (amount === undefined) throw new Error(`${option} must be a time such as 90s, 10m or 1h, not "${text}"`);
  return Number(amount) * (UNITS[unit] ?? 0);
}
