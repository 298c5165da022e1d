import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { type Permission, text } from '../parts/function.ts';
import { accept } from '../parts/nag.ts';

/** The table in which submissions are counted, day by day, so that none is sent above the limit. */
export class DailyLimit extends Construct {
  readonly table: ITable;
  /** What Submit needs: to count, and to take back. */
  readonly count: Permission;
  /** Submit's environment. */
  readonly environment: Record<string, string>;

  constructor(scope: Construct, id: string, { imagesPerDay }: { readonly imagesPerDay: number }) {
    super(scope, id);
    this.table = new Table(this, 'Days', {
      partitionKey: { name: 'day', type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: 'expiresAt',
      // Of interest is only the day at hand.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    accept(this.table, 'AwsSolutions-DDB3', 'Of interest is only the count of the day at hand.');
    this.count = { actions: ['dynamodb:UpdateItem'], resources: [this.table.tableArn] };
    this.environment = { LIMIT_TABLE: this.table.tableName, IMAGES_PER_DAY: text(imagesPerDay) };
  }
}
