import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { LocalFunction } from '../../../local/lambda.ts';
import { resource } from '../../infra/read-template.ts';
import { templateOf } from '../../infra/synth.ts';

/**
 * Starts a server on 127.0.0.1 that answers with `answered`, but until `open` is called has no room for another
 * connection: the packets that ask for one are lost.
 */
async function startFullServer(): Promise<{ port: number; open: () => void }> {
  const opened = new Int32Array(new SharedArrayBuffer(4));
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const server = require('node:http').createServer((_request, response) => response.end('answered'));
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(workerData, 0, 0);
    });`;
  const worker = new Worker(code, { eval: true, workerData: opened });
  onTestFinished(() => void worker.terminate());
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  for (let taken = 0; taken < 2; taken++) {
    const socket = connect(port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    await new Promise((resolve) => socket.once('connect', resolve));
  }
  const open = () => {
    Atomics.store(opened, 0, 1);
    Atomics.notify(opened, 0);
  };
  onTestFinished(open);
  return { port, open };
}

it('gives an address of a host the time that connecting takes when a packet is lost', async () => {
  const code = mkdtempSync(join(tmpdir(), 'cutout-test-'));
  onTestFinished(() => rmSync(code, { recursive: true }));
  const { port, open } = await startFullServer();
  writeFileSync(
    join(code, 'index.mjs'),
    `import dns from 'node:dns';
    dns.lookup = (_name, _options, answer) => {
      console.log('connecting');
      answer(null, [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }]);
    };
    export const handler = async () => (await fetch('http://two-addresses.test:${port}')).text();`,
  );
  const { NODE_OPTIONS } = resource(templateOf('default'), 'AWS::Lambda::Function', 'WorkflowDeliver').Properties
    .Environment.Variables;
  const environment = new LocalFunction({
    name: 'function',
    arn: 'arn:aws:lambda:us-east-1:111122223333:function:function',
    bundle: 'index',
    code,
    handler: 'index.handler',
    environment: { NODE_OPTIONS },
    timeoutSeconds: 20,
    memoryMb: 128,
    // Node by itself gives an address up after 250 ms; what was lost is sent again after 1 s.
    onLog: () => void setTimeout(400).then(open),
  });
  onTestFinished(() => environment.close());
  expect(await environment.invoke({})).toBe('answered');
});
