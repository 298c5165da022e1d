import { parentPort, workerData } from 'node:worker_threads';

/** One execution environment of a function: loads the bundle once, then runs one invocation after the other. */
const { file, handlerName, functionName, functionArn } = workerData as Record<string, string> as {
  file: string;
  handlerName: string;
  functionName: string;
  functionArn: string;
};

interface Invocation {
  requestId: string;
  /** JSON, as on AWS: what is no JSON cannot cross. */
  event: string;
  deadline: number;
}

const port = parentPort;
if (port === null) throw new Error('This file runs in a worker only');
// A CommonJS module's exports need not show as names.
const handler = import(file).then((module) => module[handlerName] ?? module.default[handlerName]);

port.on('message', async ({ requestId, event, deadline }: Invocation) => {
  try {
    const context = {
      awsRequestId: requestId,
      functionName,
      invokedFunctionArn: functionArn,
      functionVersion: '$LATEST',
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      getRemainingTimeInMillis: () => deadline - Date.now(),
    };
    const result = await (await handler)(JSON.parse(event), context);
    const payload = JSON.stringify(result ?? null);
    await flushLog();
    port.postMessage({ requestId, payload });
  } catch (error) {
    // An error crosses as what Lambda makes of it; structured cloning would lose its name.
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    const trace = (stack ?? '').split('\n');
    await flushLog();
    port.postMessage({ requestId, failure: { errorType: name, errorMessage: message, trace } });
  }
});

/** The log crosses on a way of its own; whoever has the reply shall find the lines already there. */
async function flushLog(): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((done) => stream.write('', () => done()));
}
