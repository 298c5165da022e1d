import {
  CloudFormationServiceException,
  DescribeStacksCommand,
  paginateListStackResources,
  paginateListStacks,
  type StackResourceSummary,
  type StackSummary,
} from '@aws-sdk/client-cloudformation';
import { DeleteLogGroupCommand, DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { DeleteSecretCommand } from '@aws-sdk/client-secrets-manager';
import { inWords } from '../../../commands/shared/problems.ts';
import { STACK_NAME } from '../stack-name.ts';
import type { Clients } from '../target/clients.ts';
import type { Leftover, Thing } from './platform.ts';

/** How AWS names it that a bucket or a secret is not there. */
const GONE = ['NoSuchBucket', 'ResourceNotFoundException'];

/** What a stack leaves when it is destroyed. */
export class Remains {
  readonly leftovers: Leftover[] = [];
  readonly #clients: Clients;
  #kept: StackResourceSummary[] = [];

  constructor(clients: Clients) {
    this.#clients = clients;
  }

  /**
   * The id of the stack, by which it is known also when it is gone; undefined if there never was one. Never throws:
   * whatever happens, the stack is to be destroyed.
   */
  async stackId(): Promise<string | undefined> {
    try {
      return (await this.#standing()) ?? (await this.#lastDeleted());
    } catch (error) {
      this.leftovers.push({ what: 'What the stack keeps', type: 'unknown', why: inWords(error) });
      return undefined;
    }
  }

  async #standing(): Promise<string | undefined> {
    try {
      const { Stacks } = await this.#clients.cloudFormation.send(new DescribeStacksCommand({ StackName: STACK_NAME }));
      return Stacks?.[0]?.StackId;
    } catch (error) {
      if (error instanceof CloudFormationServiceException && /not exist/.test(error.message)) return undefined;
      throw error;
    }
  }

  /** A run that was given up may have destroyed the stack, and not what that keeps. */
  async #lastDeleted(): Promise<string | undefined> {
    const deleted: StackSummary[] = [];
    const query = { StackStatusFilter: ['DELETE_COMPLETE' as const] };
    for await (const { StackSummaries = [] } of paginateListStacks({ client: this.#clients.cloudFormation }, query)) {
      deleted.push(...StackSummaries.filter(({ StackName }) => StackName === STACK_NAME));
    }
    const time = ({ DeletionTime }: StackSummary) => DeletionTime?.getTime() ?? 0;
    return deleted.sort((a, b) => time(b) - time(a))[0]?.StackId;
  }

  /** What a stack that is gone has kept. */
  async of(stackId: string): Promise<Thing[]> {
    const resources: StackResourceSummary[] = [];
    const pages = paginateListStackResources({ client: this.#clients.cloudFormation }, { StackName: stackId });
    for await (const { StackResourceSummaries = [] } of pages) resources.push(...StackResourceSummaries);
    for (const resource of resources) this.#look(resource);
    return this.#kept.map(thingOf);
  }

  #look(resource: StackResourceSummary): void {
    const { ResourceType: type, ResourceStatus: status } = resource;
    if (type === 'AWS::KMS::Key')
      this.#leave(resource, 'AWS deletes a KMS key 7 days later; it costs nothing meanwhile');
    else if (status === 'DELETE_SKIPPED') this.#kept.push(resource);
    else if (status !== 'DELETE_COMPLETE') this.#leave(resource, `CloudFormation left it ${status}`);
  }

  /** Deletes what was kept, and the logs that the CDK's own helpers have written. */
  async delete(): Promise<void> {
    for (const resource of this.#kept) {
      try {
        await this.#deleteOne(resource);
      } catch (error) {
        const isGone = error instanceof Error && GONE.includes(error.name);
        if (!isGone) this.#leave(resource, inWords(error));
      }
    }
    await this.#deleteLogs().catch((error: unknown) =>
      this.leftovers.push({ what: `/aws/lambda/${STACK_NAME}-…`, type: 'AWS::Logs::LogGroup', why: inWords(error) }),
    );
  }

  async #deleteOne({ ResourceType, PhysicalResourceId: id = '' }: StackResourceSummary): Promise<void> {
    const { s3, secrets } = this.#clients;
    // A bucket's policy goes with it.
    if (ResourceType === 'AWS::S3::BucketPolicy') return;
    if (ResourceType === 'AWS::S3::Bucket') return deleteBucket(s3, id);
    if (ResourceType !== 'AWS::SecretsManager::Secret') throw new Error('Delete it yourself.');
    await secrets.send(new DeleteSecretCommand({ SecretId: id, ForceDeleteWithoutRecovery: true }));
  }

  async #deleteLogs(): Promise<void> {
    const { logs: client } = this.#clients;
    const prefix = { logGroupNamePrefix: `/aws/lambda/${STACK_NAME}-` };
    const { logGroups = [] } = await client.send(new DescribeLogGroupsCommand(prefix));
    for (const { logGroupName } of logGroups) await client.send(new DeleteLogGroupCommand({ logGroupName }));
  }

  #leave(resource: StackResourceSummary, why: string): void {
    this.leftovers.push({ ...thingOf(resource), why });
  }
}

function thingOf({ LogicalResourceId: what = '', ResourceType: type = '' }: StackResourceSummary): Thing {
  return { what, type };
}

/** Deletes a bucket with all that is in it, versions and all. */
async function deleteBucket(s3: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    const Objects = [...Versions, ...DeleteMarkers].map(({ Key, VersionId }) => ({ Key, VersionId }));
    if (Objects.length === 0) break;
    const { Errors = [] } = await s3.send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
    );
    if (Errors.length > 0) throw new Error(`${Errors.length} objects could not be deleted: ${Errors[0]?.Message}`);
  }
  await s3.send(new DeleteBucketCommand({ Bucket: bucket }));
}
