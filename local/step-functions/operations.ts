import { randomUUID } from 'node:crypto';
import { AwsError, type Operation } from '../aws-api.ts';
import type { Json } from './definition.ts';
import { type Execution, seconds } from './execution.ts';
import type { MapRun } from './map-run.ts';

/** What the API does its work with. */
export interface StepFunctionsApi {
  executions: () => Execution[];
  mapRuns: () => ReadonlyMap<string, MapRun>;
  stateMachineArns: () => string[];
  /** @throws AwsError if there is no such state machine */
  definition: (stateMachineArn: string) => unknown;
  startOf: (stateMachineArn: string, name: string, input: string) => Execution;
  get: (executionArn: string) => Execution;
  stop: (executionArn: string) => Execution;
  redrive: (executionArn: string) => Execution;
  succeed: (taskToken: string, output: Json) => void;
}

/** Step Functions' API. */
export function operationsOf(api: StepFunctionsApi): Record<string, Operation> {
  const { executions, mapRuns, stateMachineArns, definition, startOf, get, stop, redrive, succeed } = api;
  const creationDate = seconds(Date.now());
  const described = (stateMachineArn: string) => {
    return { stateMachineArn, name: stateMachineArn.split(':').at(-1), type: 'STANDARD', creationDate };
  };
  return {
    'AWSStepFunctions.ListStateMachines': ({ maxResults = 100, nextToken }) =>
      page('stateMachines', stateMachineArns().map(described), maxResults, nextToken),
    'AWSStepFunctions.DescribeStateMachine': ({ stateMachineArn }) => {
      const text = JSON.stringify(definition(stateMachineArn));
      return { ...described(stateMachineArn), status: 'ACTIVE', definition: text };
    },
    'AWSStepFunctions.StartExecution': ({ stateMachineArn, name = randomUUID(), input = '{}' }) => {
      const { arn, startDate } = startOf(stateMachineArn, name, input);
      return { executionArn: arn, startDate: seconds(startDate) };
    },
    'AWSStepFunctions.DescribeExecution': ({ executionArn }) => {
      const { arn, history: _, waits: __, startDate, stopDate, ...rest } = get(executionArn);
      const dates = { startDate: seconds(startDate), stopDate: seconds(stopDate) };
      return { executionArn: arn, ...rest, ...dates };
    },
    'AWSStepFunctions.GetExecutionHistory': ({ executionArn, reverseOrder, maxResults = 100, nextToken }) => {
      const { history } = get(executionArn);
      const events = history.map((event) => ({ ...event, timestamp: seconds(event.timestamp) }));
      if (reverseOrder) events.reverse();
      return page('events', events, maxResults, nextToken);
    },
    'AWSStepFunctions.ListExecutions': ({ stateMachineArn, mapRunArn, statusFilter, maxResults = 100, nextToken }) => {
      if (mapRunArn === undefined) definition(stateMachineArn);
      const found = executions()
        .filter((each) => (mapRunArn ? each.mapRunArn === mapRunArn : each.stateMachineArn === stateMachineArn))
        .filter(({ status }) => statusFilter === undefined || status === statusFilter)
        .reverse()
        .map(({ arn, stateMachineArn, mapRunArn, name, status, startDate, stopDate }) => {
          const dates = { startDate: seconds(startDate), stopDate: seconds(stopDate) };
          return { executionArn: arn, stateMachineArn, mapRunArn, name, status, ...dates };
        });
      return page('executions', found, maxResults, nextToken);
    },
    'AWSStepFunctions.ListMapRuns': ({ executionArn, maxResults = 100, nextToken }) => {
      get(executionArn);
      const found = [...mapRuns().values()].filter((each) => each.executionArn === executionArn);
      return page('mapRuns', found.map(({ listed }) => listed).reverse(), maxResults, nextToken);
    },
    'AWSStepFunctions.DescribeMapRun': ({ mapRunArn }) => {
      const mapRun = mapRuns().get(mapRunArn);
      if (!mapRun) throw new AwsError('ResourceNotFound', `Resource not found: '${mapRunArn}'`);
      return mapRun.describe();
    },
    'AWSStepFunctions.SendTaskSuccess': ({ taskToken, output }) => {
      succeed(taskToken, JSON.parse(output));
      return {};
    },
    'AWSStepFunctions.StopExecution': ({ executionArn }) => {
      stop(executionArn);
      return { stopDate: seconds(Date.now()) };
    },
    'AWSStepFunctions.RedriveExecution': ({ executionArn }) => {
      redrive(executionArn);
      return { redriveDate: seconds(Date.now()) };
    },
  };
}

/** A page of a list, as the API gives it. */
function page<T>(name: string, all: T[], maxResults: number, nextToken = '0'): Record<string, T[] | string> {
  const from = Number(nextToken);
  const to = from + maxResults;
  return { [name]: all.slice(from, to), ...(to < all.length && { nextToken: String(to) }) };
}
