import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  ExecutionDoesNotExist,
  type HistoryEvent,
  ListExecutionsCommand,
  paginateGetExecutionHistory,
  paginateListExecutions,
  RedriveExecutionCommand,
  type SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';

export type Execution = DescribeExecutionCommandOutput;

/** Executions of state machines, as a person sees them. */
export class Executions {
  readonly #sfn: SFNClient;

  constructor(sfn: SFNClient) {
    this.#sfn = sfn;
  }

  async start(stateMachineArn: string, name: string, input: unknown): Promise<string> {
    const start = new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) });
    return (await this.#sfn.send(start)).executionArn ?? '';
  }

  /** An execution; undefined if there is none (yet). */
  async find(executionArn: string): Promise<Execution | undefined> {
    try {
      return await this.#sfn.send(new DescribeExecutionCommand({ executionArn }));
    } catch (error) {
      if (error instanceof ExecutionDoesNotExist) return undefined;
      throw error;
    }
  }

  /** Whether any execution of a state machine has not ended. */
  async areRunning(stateMachineArn: string): Promise<boolean> {
    const running = new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING', maxResults: 1 });
    return ((await this.#sfn.send(running)).executions ?? []).length > 0;
  }

  async redrive(executionArn: string): Promise<void> {
    await this.#sfn.send(new RedriveExecutionCommand({ executionArn }));
  }

  async stop(executionArn: string): Promise<void> {
    await this.#sfn.send(new StopExecutionCommand({ executionArn, error: 'Stopped', cause: 'by npm run integ' }));
  }

  async history(executionArn: string): Promise<HistoryEvent[]> {
    const events: HistoryEvent[] = [];
    for await (const page of paginateGetExecutionHistory({ client: this.#sfn }, { executionArn, maxResults: 1000 })) {
      events.push(...(page.events ?? []));
    }
    return events;
  }

  /** ARNs of executions of a state machine whose names contain a text; the newest first. */
  async named(stateMachineArn: string, text: string): Promise<string[]> {
    const found: string[] = [];
    for await (const page of paginateListExecutions({ client: this.#sfn }, { stateMachineArn, maxResults: 1000 })) {
      found.push(
        ...(page.executions ?? []).flatMap((each) => (each.name?.includes(text) ? (each.executionArn ?? []) : [])),
      );
    }
    return found;
  }
}

/** The names of the states that were entered, in order. */
export function statesIn(history: HistoryEvent[]): string[] {
  return history.flatMap(({ stateEnteredEventDetails }) => stateEnteredEventDetails?.name ?? []);
}

/** The ARN of an execution of a state machine by its name. */
export function executionArn(stateMachineArn: string, name: string): string {
  return `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
}
