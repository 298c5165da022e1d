import { paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { paginateLookupEvents } from '@aws-sdk/client-cloudtrail';
import { paginateFilterLogEvents } from '@aws-sdk/client-cloudwatch-logs';
import { paginateGetExecutionHistory, paginateListExecutions } from '@aws-sdk/client-sfn';
import { inWords } from '../../../commands/shared/problems.ts';
import { type Denial, type Denials, denialsIn, distinct } from '../denials.ts';
import { STACK_NAME } from '../stack-name.ts';
import type { Clients } from '../target/clients.ts';

/** In logs, what refusals have in common. */
const PATTERN = '?AccessDenied ?"Access Denied" ?"not authorized to perform"';
/** CloudTrail answers two requests a second, of 50 events each: more pages than these, the newest, are not looked through. */
const TRAIL_PAGES = 40;
/** Failed executions of each state machine, the newest, whose histories are read. */
const HISTORIES = 200;

/** What IAM has refused on AWS: by function logs, execution histories and CloudTrail's management events. */
export class AwsAccess {
  readonly #clients: Clients;

  constructor(clients: Clients) {
    this.#clients = clients;
  }

  /** What cannot be looked at is told of as such, and is no reason to stop. */
  async denials(since: Date): Promise<Denials> {
    const denials: Denial[] = [];
    const unseen: string[] = [];
    const look = async (what: string, work: () => Promise<Denial[]>) => {
      try {
        denials.push(...(await work()));
      } catch (error) {
        unseen.push(`${what}: ${inWords(error)}`);
      }
    };
    const resources = this.#resources();
    const ids = async (type: string) => (await resources).get(type) ?? [];
    await Promise.all([
      look('function logs', async () => this.#inLogs(await ids('AWS::Logs::LogGroup'), since)),
      look('execution histories', async () =>
        this.#inHistories(await ids('AWS::StepFunctions::StateMachine'), since, unseen),
      ),
      look('CloudTrail', () => this.#inTrail(since, unseen)),
    ]);
    return { denials: distinct(denials), unseen };
  }

  /** Physical ids of the stack's resources, by type. */
  async #resources(): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    const pages = paginateListStackResources({ client: this.#clients.cloudFormation }, { StackName: STACK_NAME });
    for await (const { StackResourceSummaries = [] } of pages) {
      for (const { ResourceType: type = '', PhysicalResourceId: id } of StackResourceSummaries) {
        if (id !== undefined) found.set(type, [...(found.get(type) ?? []), id]);
      }
    }
    return found;
  }

  async #inLogs(logGroups: string[], since: Date): Promise<Denial[]> {
    const { logs: client } = this.#clients;
    const denials: Denial[] = [];
    for (const logGroupName of logGroups) {
      const query = { logGroupName, startTime: since.getTime(), filterPattern: PATTERN };
      for await (const { events = [] } of paginateFilterLogEvents({ client }, query)) {
        for (const { message = '' } of events)
          denials.push(...denialsIn(message, { by: logGroupName, where: 'function log' }));
      }
    }
    return denials;
  }

  async #inHistories(stateMachines: string[], since: Date, unseen: string[]): Promise<Denial[]> {
    const { sfn: client } = this.#clients;
    const denials: Denial[] = [];
    for (const stateMachineArn of stateMachines) {
      const by = stateMachineArn.split(':').at(-1) ?? '';
      const failed: string[] = [];
      for await (const { executions = [] } of paginateListExecutions(
        { client },
        { stateMachineArn, statusFilter: 'FAILED' },
      )) {
        failed.push(
          ...executions.flatMap(({ executionArn, startDate }) =>
            (startDate ?? since) >= since ? (executionArn ?? []) : [],
          ),
        );
      }
      const left = failed.length - HISTORIES;
      if (left > 0) unseen.push(`execution histories: ${left} of ${failed.length} failed executions of ${by}`);
      for (const executionArn of failed.slice(0, HISTORIES)) {
        for await (const { events = [] } of paginateGetExecutionHistory(
          { client },
          { executionArn, maxResults: 1000 },
        )) {
          denials.push(
            ...events.flatMap((event) =>
              denialsIn(JSON.stringify(failureOf(event)), { by, where: 'execution history' }),
            ),
          );
        }
      }
    }
    return denials;
  }

  async #inTrail(since: Date, unseen: string[]): Promise<Denial[]> {
    const { cloudTrail: client } = this.#clients;
    const denials: Denial[] = [];
    let pages = 0;
    const query = { StartTime: since };
    for await (const { Events = [], NextToken } of paginateLookupEvents({ client, pageSize: 50 }, query)) {
      for (const { CloudTrailEvent = '{}' } of Events) {
        const { errorCode = '', userIdentity = {}, eventSource = '', eventName = '' } = JSON.parse(CloudTrailEvent);
        const principal =
          String(userIdentity.arn ?? userIdentity.invokedBy ?? '')
            .split(':')
            .at(-1) ?? '';
        if (!/AccessDenied|Unauthorized/.test(errorCode) || !principal.includes(STACK_NAME)) continue;
        const [denial] = denialsIn('AccessDenied', { by: principal, where: 'CloudTrail' });
        if (denial) denials.push({ ...denial, action: `${eventSource.split('.')[0]}:${eventName}`, said: '' });
      }
      if (++pages < TRAIL_PAGES || NextToken === undefined) continue;
      unseen.push(`CloudTrail: events before ${Events.at(-1)?.EventTime?.toISOString()}: there were too many`);
      break;
    }
    unseen.push('CloudTrail: the last minutes: by its documentation, events may arrive some 15 minutes later');
    return denials;
  }
}

/** The parts of an event that tell of a failure. */
function failureOf(event: object): object {
  return Object.fromEntries(
    Object.entries(event).filter(([name]) => /(Failed|TimedOut|Aborted)EventDetails$/.test(name)),
  );
}
