import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation';

/** The outputs of a deployed stack. */
export interface StackOutputs {
  /** An output that every deployment has. @throws Error that says what is missing */
  required: (name: string) => string;
  /** An output that depends on the stack's settings. */
  optional: (name: string) => string | undefined;
}

/** Reads the outputs of a stack. @throws Error that says what to do if there is no such stack */
export async function stackOutputs(stackName: string): Promise<StackOutputs> {
  const stack = await describe(stackName);
  const outputs = new Map(stack?.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  const optional = (name: string) => outputs.get(name);
  return {
    optional,
    required: (name) => {
      const value = optional(name);
      if (value !== undefined) return value;
      const status = stack?.StackStatus === undefined ? '' : ` (it is ${stack.StackStatus})`;
      throw new Error(`The stack ${stackName} has no output ${name}${status}. Deploy it again.`);
    },
  };
}

async function describe(stackName: string): Promise<Stack | undefined> {
  const client = new CloudFormationClient({});
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: stackName }));
    return Stacks?.[0];
  } catch (error) {
    // CloudFormation has no error of its own for a stack that is not there.
    const isMissing = error instanceof Error && error.name === 'ValidationError' && /not exist/.test(error.message);
    if (!isMissing) throw error;
    throw new Error(
      `There is no stack ${stackName} in ${await client.config.region()}. Deploy it (npx cdk deploy), name another one ` +
        'with --stack, or choose its region with AWS_REGION.',
    );
  }
}
