import type { Template } from 'aws-cdk-lib/assertions';
import type { Pattern } from '../../local/event-pattern.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * A value of the template as one readable string: references become `<Name>` and attributes `<Name.Attribute>`, in which
 * names are logical ids without the construct they all stand in and without the hash: `<Uploads.Arn>/photos/*`. A part
 * of an ARN is `<Name:index>`.
 */
export function flat(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  const [[name, argument] = []] = Object.entries((value ?? {}) as Record<string, Json>);
  if (name === 'Ref') return `<${short(String(argument))}>`;
  if (name === 'Fn::GetAtt') {
    const [logicalId, attribute] = argument as string[];
    return `<${short(String(logicalId))}.${attribute}>`;
  }
  if (name === 'Fn::Join') {
    const [delimiter, items] = argument as [string, Json[]];
    return items.map(flat).join(delimiter);
  }
  if (name === 'Fn::Select') {
    const [index, split] = argument as [number, { 'Fn::Split': [string, Json] }];
    return `${flat(split['Fn::Split'][1]).slice(0, -1)}:${index}>`;
  }
  throw new Error(`No string: ${JSON.stringify(value)}`);
}

/** A logical id without the construct that holds nearly everything, and without its hash. */
export function short(logicalId: string): string {
  return logicalId.replace(/^BackgroundRemoval(?=[A-Z])/, '').replace(/[0-9A-F]{8}$/, '');
}

/** A resource of the template, as loose as it is there. */
export interface Resource {
  Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: CloudFormation properties have no types here
  Properties: any;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
}

/** All resources of a type, by short name. */
export function resources(template: Template, type: string): Record<string, Resource> {
  const found = Object.entries(template.findResources(type)).map(
    ([id, each]) => [short(id), each as Resource] as const,
  );
  return Object.fromEntries(found);
}

/** The one resource of this type and short name. */
export function resource(template: Template, type: string, name: string): Resource {
  const all = resources(template, type);
  const found = all[name];
  if (found === undefined) throw new Error(`There is no ${type} ${name}; there are: ${Object.keys(all).join(', ')}`);
  return found;
}

/** One action that a role is allowed, on one resource. */
interface Grant {
  action: string;
  resource: string;
}

interface Statement {
  Action: string | string[];
  Resource: Json | Json[];
}

/** All that a role, by its short name, may do. */
export function grantsOf(template: Template, role: string): Grant[] {
  return Object.values(resources(template, 'AWS::IAM::Policy'))
    .filter(({ Properties }) => Properties.Roles.map(flat).includes(`<${role}>`))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Statement[])
    .flatMap(({ Action, Resource }) =>
      [Resource].flat().flatMap((to) => [Action].flat().map((action) => ({ action, resource: flat(to as Json) }))),
    );
}

/** The event pattern of a rule, by its short name, with its references as `flat` writes them. */
export function patternOf(template: Template, rule: string): Pattern {
  return flattened(resource(template, 'AWS::Events::Rule', rule).Properties.EventPattern) as Pattern;
}

function flattened(value: Json): Json {
  if (Array.isArray(value)) return value.map(flattened);
  if (typeof value !== 'object' || value === null) return value;
  const names = Object.keys(value);
  if (names.length === 1 && /^(Ref|Fn::\w+)$/.test(String(names[0]))) return flat(value);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, flattened(each)]));
}

/** The statements of a bucket's or queue's policy. */
export function statementsFor(template: Template, type: string, target: string): Resource['Properties'][] {
  return Object.values(resources(template, type))
    .filter(({ Properties }) => [Properties.Bucket, ...(Properties.Queues ?? [])].some((of) => refersTo(of, target)))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
}

function refersTo(value: Resource['Properties'], name: string): boolean {
  return value !== undefined && flat(value) === `<${name}>`;
}

/** The properties of the event source mappings. */
export function mappings(template: Template): Resource['Properties'][] {
  return Object.values(resources(template, 'AWS::Lambda::EventSourceMapping')).map(({ Properties }) => Properties);
}
