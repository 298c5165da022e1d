import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import type { ImageToStart } from '../../../functions/backfill/contract.ts';
import { at, definition, image, outputOf, place, planned, type State, type States, text } from './machine.ts';

/** Paths into its input that a state uses, those of its items aside. */
function pathsIn({ ItemProcessor, ResultPath, ResultSelector, OutputPath, Catch, ...own }: State): string[] {
  return [...JSON.stringify(own).matchAll(/(?<!\$)\$(?:\.\w+)+/g)].map(([path]) => path);
}

/** Every path that leads to nothing, on every way through the states. */
function lostPaths({ StartAt, States }: States, input: unknown): string[] {
  const lost: string[] = [];
  const visited = new Set<string>();
  const visit = (name: string, given: unknown): void => {
    const way = `${name} ${JSON.stringify(given)}`;
    if (visited.has(way)) return;
    visited.add(way);
    const of = States[name];
    if (of === undefined) throw new Error(`There is no state ${name}`);
    for (const path of pathsIn(of)) if (at(path, given) === undefined) lost.push(`${name}: ${path}`);
    for (const { Next, ResultPath } of of.Catch ?? [])
      visit(Next, place(given, ResultPath, { Error: 'E', Cause: 'C' }));
    const output = outputOf(name, of, given);
    for (const next of [of.Next, of.Default, ...(of.Choices ?? []).map(({ Next }) => Next)]) {
      if (next !== undefined) visit(next, output);
    }
  };
  visit(StartAt, input);
  const reached = new Set([...visited].map((way) => way.replace(/ [{].*$/s, '')));
  expect([...reached].sort()).toEqual(Object.keys(States).sort());
  return lost;
}

describe('the definition of a backfill', () => {
  it('is valid by an independent validator', () => {
    const validate = createRequire(import.meta.url)('asl-validator');
    // It notes things down in what it is given.
    expect(validate(JSON.parse(text)).errorsText()).toBe('');
    expect(validate(JSON.parse(text.replace('"StartAt":"Has it failed before?"', '"StartAt":"No"'))).isValid).toBe(
      false,
    );
  });

  it('reaches every state, and reads nothing that no state before has put out', () => {
    expect(lostPaths(definition, {})).toEqual([]);
    const items = definition.States.Remove?.ItemProcessor as States;
    const { startedAt } = planned.backfill;
    const item: ImageToStart = { input: image, name: 'cat', nextName: 'cat-2', startedAt, failed: 'cat-0' };
    expect(lostPaths(items, item)).toEqual([]);
  });

  it('has no Choice that leaves anything open', () => {
    const choices = Object.values(definition.States).filter(({ Type }) => Type === 'Choice');
    for (const { Choices, Default } of choices) {
      expect(Choices?.length).toBeGreaterThan(0);
      expect(Default).toBeDefined();
    }
  });

  it('uses no context but what local interpreters supply, and no JSONata', () => {
    const used = [...text.matchAll(/\$\$\.?[A-Za-z0-9_.]*/g)].map(([path]) => path);
    expect([...new Set(used)].sort()).toEqual([
      ...['$$.Execution.Id', '$$.Execution.Name', '$$.Execution.StartTime', '$$.StateMachine.Id'],
    ]);
    expect(text).not.toMatch(/JSONata|\{%/);
  });
});
