import { AwsError, type Operation } from './aws-api.ts';
import { ACCOUNT, REGION, type Template } from './template.ts';

const STATUS = 'CREATE_COMPLETE';

/** CloudFormation's API, as far as it tells of a stack that is there: the one that is deployed. */
export function stackOperations(deployed: () => Template): Record<string, Operation> {
  const createdAt = new Date().toISOString();
  const find = (name: string | undefined): Template => {
    const template = deployed();
    if (name === undefined || [template.stackName, idOf(template)].includes(name)) return template;
    throw new AwsError('ValidationError', `Stack with id ${name} does not exist`);
  };
  return {
    'CloudFormation.DescribeStacks': ({ StackName }) => {
      const template = find(StackName);
      const Outputs = template.outputNames.map((name) => ({ OutputKey: name, OutputValue: template.output(name) }));
      return { Stacks: [{ ...summaryOf(template, createdAt), Outputs }] };
    },
    'CloudFormation.ListStacks': () => ({ StackSummaries: [summaryOf(deployed(), createdAt)] }),
    'CloudFormation.DescribeStackResources': ({ StackName }) => {
      const template = find(StackName);
      const stack = { StackName: template.stackName, StackId: idOf(template) };
      return {
        StackResources: resourcesOf(template).map((each) => ({ ...stack, ...each, Timestamp: createdAt })),
      };
    },
    'CloudFormation.ListStackResources': ({ StackName }) => ({
      StackResourceSummaries: resourcesOf(find(StackName)).map((each) => ({
        ...each,
        LastUpdatedTimestamp: createdAt,
      })),
    }),
  };
}

function summaryOf(template: Template, createdAt: string): Record<string, string> {
  return {
    StackName: template.stackName,
    StackId: idOf(template),
    CreationTime: createdAt,
    StackStatus: STATUS,
  };
}

function idOf({ stackName }: Template): string {
  return `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/${stackName}/local`;
}

function resourcesOf(template: Template): Record<string, string>[] {
  return template.contents.map(({ logicalId, type }) => ({
    LogicalResourceId: logicalId,
    PhysicalResourceId: template.ref(logicalId),
    ResourceType: type,
    ResourceStatus: STATUS,
  }));
}
