import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Accepts a finding of cdk-nag on a construct and all below it, with the reason why it is right as it is. */
export function accept(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/** Accepts that a policy of `construct` names `resource`, if that holds a wildcard. */
export function acceptWildcard(construct: IConstruct, resource: string, reason: string): void {
  // Only then is it known how the template will write what belongs to another stack.
  construct.node.addValidation({
    validate: () => {
      acceptWildcardNow(construct, resource, reason);
      return [];
    },
  });
}

function acceptWildcardNow(construct: IConstruct, resource: string, reason: string): void {
  const flat = flatten(Stack.of(construct).resolve(resource));
  const id = `AwsSolutions-IAM5[Resource::${flat}]`;
  if (!flat.includes('*')) return;
  // Of spaces in an id the CDK makes hyphens, and cdk-nag, which looks for it in the metadata, does not.
  if (flat.includes(' ')) construct.node.addMetadata(Validations.ACKNOWLEDGED_RULES_METADATA_KEY, { [id]: reason });
  else accept(construct, id, reason);
}

/** A CloudFormation reference as cdk-nag writes it in the id of a finding, such as `<Uploads1234.Arn>/*`. */
function flatten(reference: unknown): string {
  if (typeof reference === 'string') return reference;
  const [[name, value] = []] = Object.entries(reference as Record<string, unknown>);
  if (name === 'Ref') return `<${value}>`;
  if (name === 'Fn::GetAtt') return `<${(value as string[]).join('.')}>`;
  if (name === 'Fn::Join') {
    const [delimiter, items] = value as [string, unknown[]];
    return items.map(flatten).join(delimiter);
  }
  if (name === 'Fn::ImportValue') return flatten(value);
  return JSON.stringify(reference);
}
