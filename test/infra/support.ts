import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { createApp } from '../../infra/app.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Settings that together reach all there is in the template. */
export const VARIANTS = {
  default: {},
  destroy: { removal: 'destroy' },
  email: { alarmEmail: 'images@example.com' },
  existing: { uploadsBucket: 'my-uploads', resultsBucket: 'my-results', apiKeySecret: 'pixazo/api-key' },
  existingSecretArn: { apiKeySecret: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:pixazo/api-key-AbC123' },
  tuned: {
    gatewayUrl: 'https://gateway.example.com',
    resultHosts: '*.example.com,http://127.0.0.1:8080',
    expectedSeconds: '3',
    timeoutMinutes: '45',
    maxConcurrency: '20',
  },
  webhook: { webhook: 'true' },
  boundWebhook: { webhook: true, webhookConcurrency: 20 },
  prefixes: { uploadsPrefix: 'in/', resultsPrefix: 'out/' },
} satisfies Record<string, Record<string, unknown>>;

export type Variant = keyof typeof VARIANTS;

/** Calls `work` with an empty folder for a cloud assembly, and removes it afterwards. */
export function withOutdir<T>(work: (outdir: string) => T): T {
  const outdir = mkdtempSync(join(tmpdir(), 'cutout-'));
  try {
    return work(outdir);
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

const templates = new Map<Variant, Template>();

/** The template of a variant, synthesized when it is first asked for. */
export function templateOf(variant: Variant): Template {
  const template =
    templates.get(variant) ??
    withOutdir((outdir) => {
      const assembly = createApp({ context: VARIANTS[variant], outdir }).synth();
      return Template.fromJSON(assembly.getStackByName('Cutout').template);
    });
  templates.set(variant, template);
  return template;
}

/**
 * A value of the template as one readable string: references become `<Name>` and attributes `<Name.Attribute>`, in which
 * names are logical ids without the construct they all stand in and without the hash: `<Uploads.Arn>/photos/*`.
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
