import type { Call } from './call.ts';
import { AwsError } from './error.ts';

/** What people call a service, by its name in AWS's protocols, where these differ. */
const NAMES: Record<string, string> = {
  AWSStepFunctions: 'Step Functions',
  AmazonSQS: 'SQS',
  AmazonSSM: 'Systems Manager',
  AWSEvents: 'EventBridge',
  DynamoDB_20120810: 'DynamoDB',
  GraniteServiceVersion20100801: 'CloudWatch',
  Logs_20140328: 'CloudWatch Logs',
  TrentService: 'KMS',
  events: 'EventBridge',
  lambda: 'Lambda',
  logs: 'CloudWatch Logs',
  secretsmanager: 'Secrets Manager',
};

/** The error of an operation that nobody offers on this machine: says which, and what there is instead. */
export function notOffered({ service, operation, protocol }: Call, offered: string[]): AwsError {
  const name = nameOf(service);
  const others = offered.flatMap((each) => (each.startsWith(`${service}.`) ? each.slice(service.length + 1) : []));
  const services = [...new Set(['S3', ...offered.map((each) => nameOf(each.split('.')[0] ?? ''))])].sort();
  const instead =
    others.length > 0
      ? `Of ${name} there is: ${others.sort().join(', ')}.`
      : `Services that are there: ${services.join(', ')}.`;
  // The names that the protocols have for an operation that a service does not know.
  const error = protocol === 'query' ? 'InvalidAction' : 'UnknownOperationException';
  return new AwsError(error, `The local run does not offer ${operation} of ${name}. ${instead}`);
}

function nameOf(service: string): string {
  return NAMES[service] ?? service;
}
