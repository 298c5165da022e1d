import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

/** What Lambda reports of an invocation that failed, to Step Functions among others. */
export interface FunctionFailure {
  errorType: string;
  errorMessage: string;
  trace: string[];
}

/** An invocation failed: by an error that the handler threw, a crash, or the function's timeout. */
export class FunctionError extends Error {
  readonly failure: FunctionFailure;
  constructor(failure: FunctionFailure) {
    super(failure.errorMessage);
    this.name = failure.errorType;
    this.failure = failure;
  }
}

export interface FunctionOptions {
  name: string;
  arn: string;
  /** Name of the bundle, such as `submit`: that of the handler's file. */
  bundle: string;
  /** Folder of the code. */
  code: string;
  /** Such as `submit.handler`. */
  handler: string;
  environment: Record<string, string>;
  timeoutSeconds: number;
  memoryMb: number;
  onLog: (line: string) => void;
}

/** How many execution environments a function gets on this machine; further invocations wait for one. */
const MAX_ENVIRONMENTS = 8;

/** Where this process keeps compiled code, if it does, its functions keep theirs. */
const { NODE_COMPILE_CACHE } = process.env;
const COMPILE_CACHE = NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE };

interface Reply {
  requestId: string;
  payload?: string;
  failure?: FunctionFailure;
}

/**
 * A Lambda function: runs the built bundle in worker threads, each an execution environment that serves one invocation
 * at a time, with the environment that the template gives it.
 */
export class LocalFunction {
  readonly name: string;
  readonly arn: string;
  readonly bundle: string;
  readonly #options: FunctionOptions;
  #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  readonly #waiting: ((worker: Worker) => void)[] = [];
  #closed = false;

  constructor(options: FunctionOptions) {
    this.name = options.name;
    this.arn = options.arn;
    this.bundle = options.bundle;
    this.#options = options;
  }

  /** @throws FunctionError */
  async invoke(event: unknown): Promise<unknown> {
    const worker = await this.#take();
    // An environment outlives an error that its handler throws.
    const { failure, payload = 'null' } = await this.#run(worker, event).finally(() => this.#release(worker));
    if (failure) throw new FunctionError(failure);
    return JSON.parse(payload);
  }

  /** One invocation. @throws FunctionError for a crash or a timeout, which end the environment. */
  async #run(worker: Worker, event: unknown): Promise<Reply> {
    const requestId = randomUUID();
    const { timeoutSeconds } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const fail = (errorType: string, errorMessage: string) => {
      void this.#end(worker);
      reject(
        new FunctionError({ errorType, errorMessage: `RequestId: ${requestId} Error: ${errorMessage}`, trace: [] }),
      );
    };
    const listeners = {
      message: (reply: Reply) => reply.requestId === requestId && resolve(reply),
      error: (error: unknown) => fail('Runtime.Unknown', String(error)),
      exit: (code: number) => fail('Runtime.ExitError', `Runtime exited with error: exit status ${code}`),
    };
    const timer = setTimeout(
      () => fail('Sandbox.Timedout', `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`),
      timeoutSeconds * 1000,
    );
    for (const [name, listener] of Object.entries(listeners)) worker.on(name, listener);
    try {
      worker.postMessage({ requestId, event: JSON.stringify(event), deadline: Date.now() + timeoutSeconds * 1000 });
      return await promise;
    } finally {
      clearTimeout(timer);
      for (const [name, listener] of Object.entries(listeners)) worker.off(name, listener);
    }
  }

  /** Kills every execution environment, whatever it is doing: an invocation under way fails as Runtime.ExitError. */
  async crash(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => this.#end(worker)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.crash();
  }

  async #take(): Promise<Worker> {
    const idle = this.#idle.pop();
    if (idle) return idle;
    if (this.#all.size < MAX_ENVIRONMENTS) return this.#start();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Passes the environment on; in place of one that has ended, whoever waits gets a new one. */
  #release(worker: Worker): void {
    const lives = this.#all.has(worker);
    const next = this.#closed ? undefined : this.#waiting.shift();
    if (next) next(lives ? worker : this.#start());
    else if (lives) this.#idle.push(worker);
  }

  async #end(worker: Worker): Promise<void> {
    this.#all.delete(worker);
    this.#idle = this.#idle.filter((each) => each !== worker);
    await worker.terminate();
  }

  #start(): Worker {
    if (this.#closed) throw new Error(`${this.name} is closed`);
    const { name, arn, code, handler, environment, memoryMb, onLog } = this.#options;
    const [file = '', handlerName] = handler.split('.');
    const worker = new Worker(join(import.meta.dirname, 'lambda-worker.ts'), {
      workerData: {
        file: pathToFileURL(handlerFile(code, file)).href,
        handlerName,
        functionName: name,
        functionArn: arn,
      },
      env: {
        ...environment,
        ...COMPILE_CACHE,
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
      },
      execArgv: ['--no-warnings'],
      stdout: true,
      stderr: true,
    });
    for (const stream of [worker.stdout, worker.stderr]) {
      stream.setEncoding('utf8');
      let rest = '';
      stream.on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onLog(line);
      });
    }
    // It may also end between two invocations.
    for (const end of ['error', 'exit']) worker.on(end, () => void this.#end(worker));
    this.#all.add(worker);
    return worker;
  }
}

/** Where Lambda's runtime for Node.js finds a handler's file. */
function handlerFile(code: string, name: string): string {
  const candidates = ['.js', '.mjs', '.cjs'].map((extension) => join(code, `${name}${extension}`));
  const found = candidates.find((path) => existsSync(path));
  if (found === undefined) throw new Error(`There is no file ${candidates.join(', nor ')}`);
  return found;
}
