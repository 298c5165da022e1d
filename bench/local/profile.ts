import { Session } from 'node:inspector/promises';

/** A place in the code, and the time that was spent in it itself, not in what it called. */
export interface Spent {
  /** In a worker thread, which is where functions run; otherwise in the main thread, which is where services do. */
  inWorker: boolean;
  url: string;
  functionName: string;
  /** From 0, as the profiler counts. */
  line: number;
  column: number;
  ms: number;
}

interface CpuProfile {
  nodes: { id: number; callFrame: CallFrame }[];
  samples?: number[];
  timeDeltas?: number[];
}
interface CallFrame {
  functionName: string;
  url: string;
  lineNumber: number;
  columnNumber: number;
}
interface Reply {
  id: number;
  result?: { profile?: CpuProfile };
}

/** A thread that waits, and one that runs no JavaScript or waits for a core, which the profiler cannot tell apart. */
const NOT_OURS = new Set(['(idle)', '(program)']);

/** Samples the CPU time of the main thread and of all worker threads, whenever they start. */
export class Profiler {
  readonly #session = new Session();
  readonly #workers = new Set<string>();
  readonly #replies = new Map<string, (reply: Reply) => void>();
  #messages = 0;
  #isSampling = false;

  /** To be called before workers start. */
  async attach(): Promise<void> {
    this.#session.connect();
    this.#session.on('NodeWorker.attachedToWorker', ({ params: { sessionId } }) => {
      this.#workers.add(sessionId);
      void this.#post(sessionId, 'Profiler.enable');
      if (this.#isSampling) void this.#post(sessionId, 'Profiler.start');
    });
    this.#session.on('NodeWorker.detachedFromWorker', ({ params: { sessionId } }) => this.#workers.delete(sessionId));
    this.#session.on('NodeWorker.receivedMessageFromWorker', ({ params: { sessionId, message } }) => {
      const reply: Reply = JSON.parse(message);
      this.#replies.get(`${sessionId} ${reply.id}`)?.(reply);
    });
    await this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    await this.#session.post('Profiler.enable');
  }

  async start(): Promise<void> {
    this.#isSampling = true;
    await Promise.all([...this.#workers].map((worker) => this.#post(worker, 'Profiler.start')));
    await this.#session.post('Profiler.start');
  }

  async stop(): Promise<Spent[]> {
    this.#isSampling = false;
    const { profile } = await this.#session.post('Profiler.stop');
    const replies = await Promise.all([...this.#workers].map((worker) => this.#post(worker, 'Profiler.stop')));
    await this.#session.post('NodeWorker.disable');
    this.#session.disconnect();
    return [
      ...spentIn(profile, false),
      ...replies.flatMap(({ result }) => (result?.profile ? spentIn(result.profile, true) : [])),
    ];
  }

  #post(sessionId: string, method: string): Promise<Reply> {
    const id = ++this.#messages;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    this.#replies.set(`${sessionId} ${id}`, resolve);
    void this.#session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify({ id, method }) });
    return promise;
  }
}

function spentIn({ nodes, samples = [], timeDeltas = [] }: CpuProfile, inWorker: boolean): Spent[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const microseconds = new Map<number, number>();
  for (const [index, id] of samples.entries())
    microseconds.set(id, (microseconds.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  return [...microseconds].flatMap(([id, spent]) => {
    const frame = frames.get(id);
    if (frame === undefined || NOT_OURS.has(frame.functionName) || frame.url === 'node:inspector') return [];
    const { functionName, url, lineNumber: line, columnNumber: column } = frame;
    return [{ inWorker, url, functionName, line, column, ms: spent / 1000 }];
  });
}
