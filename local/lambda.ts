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
  readonly #idle: Worker[] = [];
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
    const requestId = randomUUID();
    const { timeoutSeconds } = this.#options;
    try {
      const reply = await new Promise<Reply>((resolve, reject) => {
        const fail = (errorType: string, errorMessage: string) => {
          void worker.terminate();
          reject(
            new FunctionError({ errorType, errorMessage: `RequestId: ${requestId} Error: ${errorMessage}`, trace: [] }),
          );
        };
        const timer = setTimeout(
          () => fail('Sandbox.Timedout', `Task timed out after ${timeoutSeconds.toFixed(2)} seconds`),
          timeoutSeconds * 1000,
        );
        worker.removeAllListeners();
        worker.on('message', (reply: Reply) => {
          if (reply.requestId !== requestId) return;
          clearTimeout(timer);
          resolve(reply);
        });
        worker.once('error', (error) => fail('Runtime.Unknown', String(error)));
        worker.once('exit', (code) => {
          clearTimeout(timer);
          this.#all.delete(worker);
          fail('Runtime.ExitError', `Runtime exited with error: exit status ${code}`);
        });
        worker.postMessage({ requestId, event: JSON.stringify(event), deadline: Date.now() + timeoutSeconds * 1000 });
      });
      this.#release(worker);
      if (reply.failure) throw new FunctionError(reply.failure);
      return JSON.parse(reply.payload ?? 'null');
    } catch (error) {
      if (!this.#idle.includes(worker)) this.#replace(worker);
      throw error;
    }
  }

  /** Kills every execution environment, whatever it is doing: an invocation under way fails as Runtime.ExitError. */
  async crash(): Promise<void> {
    const all = [...this.#all];
    this.#idle.length = 0;
    await Promise.all(all.map((worker) => worker.terminate()));
    for (const worker of all) this.#all.delete(worker);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  async #take(): Promise<Worker> {
    const idle = this.#idle.pop();
    if (idle) return idle;
    if (this.#all.size < MAX_ENVIRONMENTS) return this.#start();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(worker: Worker): void {
    const next = this.#waiting.shift();
    if (next) next(worker);
    else this.#idle.push(worker);
  }

  /** After a crash or a timeout the environment is gone; whoever waits gets a new one. */
  #replace(worker: Worker): void {
    this.#all.delete(worker);
    const next = this.#waiting.shift();
    if (next && !this.#closed) next(this.#start());
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
      env: { ...environment, AWS_LAMBDA_FUNCTION_NAME: name, AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb) },
      execArgv: ['--enable-source-maps', '--no-warnings'],
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
