import { describe, expect, it } from 'vitest';
import { read as readValue } from '../../../infra/settings/readers.ts';
import { SETTING_NAMES, SETTINGS, type Setting, type SettingName } from '../../../infra/settings/table.ts';
import { read, refusal } from './reading.ts';

describe.each(SETTING_NAMES)('the row of the setting %s', (name) => {
  const { reader, needs, example, otherwise, ...row }: Setting<SettingName, unknown> = SETTINGS[name];
  const needed = needs === undefined ? {} : { [needs]: SETTINGS[needs].example };

  it('has an example that is read, and differs from the default', () => {
    const settings = read({ ...needed, [name]: example });
    expect(settings).toEqual({ ...read(needed), [name]: readValue(reader, name, example) });
    expect(settings).not.toEqual(read(needed));
  });

  it('has a default that its own reader accepts, or says in words what happens without a value', () => {
    if (row.default === undefined) expect(otherwise).toMatch(/\w/);
    else expect(readValue(reader, name, row.default)).toEqual(row.default);
  });

  it('refuses a value that cannot be used by name, and says what can be', () => {
    expect(refusal({ [name]: { a: 1 } })).toBe(`The setting ${name} must be ${reader.accepts}, but it is {"a":1}.`);
  });

  it('names what it needs, without which it is refused', () => {
    if (needs !== undefined) expect(refusal({ [name]: example })).toContain(`has no effect without ${needs}.`);
  });
});
