import { describe, expect, it } from 'vitest';
import { readOptions } from '../../local/options.ts';

const read = (...args: string[]) => readOptions('local', args);

describe('arguments of the local run', () => {
  it('may be left out', () => {
    expect(read()).toEqual({ settings: {}, existingBuckets: {}, port: 4280, files: [] });
  });

  it('are settings as `cdk deploy` takes them, whose values may hold what separates them', () => {
    expect(read('-c', 'expectedSeconds=8', '--context', 'uploadsPrefix=a=b/', '--webhook')).toMatchObject({
      settings: { expectedSeconds: '8', uploadsPrefix: 'a=b/', webhook: 'true' },
    });
  });

  it.each([
    ['expectedSeconds=soon', 'The setting expectedSeconds must be a whole number from 0 to 3600, but it is "soon".'],
    ['webhok=true', 'There is no setting webhok. Did you mean webhook?'],
    ['uploadsKmsKey=arn:aws:kms:eu-west-1:111122223333:key/1', 'has no effect without uploadsBucket'],
    ['gatewayUrl=https://gateway.example.com', "gatewayUrl is the simulator's on this machine"],
    ['resultHosts=cdn.example.com', "resultHosts is the simulator's on this machine"],
    ['webhook', '-c takes name=value, not "webhook".'],
  ])('refuse the setting %s in words', (setting, words) => {
    expect(() => read('-c', setting)).toThrow(words);
  });

  it('name buckets that are made, of which the uploads bucket tells EventBridge', () => {
    expect(read('-c', 'uploadsBucket=mine', '-c', 'resultsBucket=cutouts')).toMatchObject({
      existingBuckets: {
        mine: { versioned: true, eventBridge: true },
        cutouts: { versioned: true, eventBridge: false },
      },
    });
  });

  it('are a port for `npm run local`, and files for `npm start`', () => {
    expect(read('--port', '8080')).toMatchObject({ port: 8080 });
    for (const port of ['0', '65536', 'http']) expect(() => read('--port', port)).toThrow('--port must be');
    expect(() => read('cat.jpg')).toThrow(/cat\.jpg/);

    expect(readOptions('start', ['cat.jpg', 'photos'])).toMatchObject({ files: ['cat.jpg', 'photos'] });
    expect(() => readOptions('start', ['--port', '8080'])).toThrow('--port');
  });

  it('do not contradict each other', () => {
    expect(() => read('--webhook', '-c', 'webhook=false')).toThrow('either --webhook or -c webhook=false');
  });

  it('ask for help before anything else', () => {
    for (const command of ['start', 'local'] as const) {
      expect(readOptions(command, ['--help', '-c', 'nonsense'])).toEqual({
        usage: expect.stringContaining('-c '),
      });
    }
  });
});
