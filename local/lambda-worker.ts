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
const handler = import(file).then((module) => module[handlerName]);

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
    port.postMessage({ requestId, payload: JSON.stringify(result ?? null) });
  } catch (error) {
    // An error crosses as what Lambda makes of it; structured cloning would lose its name.
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    const trace = (stack ?? '').split('\n');
    port.postMessage({ requestId, failure: { errorType: name, errorMessage: message, trace } });
  }
});
