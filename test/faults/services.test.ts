import { expect } from 'vitest';
import { AwsError } from '../../local/aws-api.ts';
import { LOCAL_API_KEY } from '../../local/cloud.ts';
import { messageOf } from '../executions.ts';
import { until } from '../until.ts';
import { area } from './area.ts';
import { cutout, fails } from './ends.ts';
import { FOR_EVER } from './injection.ts';
import { HASTY } from './options.ts';
import type { Scene } from './scene.ts';

/** Faults of Secrets Manager, Step Functions and Lambda. */

const THROTTLED = new AwsError('ThrottlingException', 'Rate exceeded');
const DOWN = new AwsError('ServiceUnavailable', 'The service is down', 503);

/** The functions that call this service start anew, without what they have cached. */
async function afresh(scene: Scene): Promise<Scene> {
  await scene.crash('submit');
  await scene.crash('check-status');
  await scene.crash('deliver');
  return scene;
}

/** While the row runs, the secret is in this state. */
async function withSecret(scene: Scene, value: string | undefined): Promise<void> {
  const arn = scene.cloud.template.output('ApiKeySecretArn');
  scene.cloud.secrets.create(arn, value);
  scene.afterwards(() => scene.cloud.secrets.create(arn, LOCAL_API_KEY));
  await afresh(scene);
}

area('Secrets Manager', 'Secrets Manager, answer to GetSecretValue', (fault) => {
  fault('throttled, once', cutout(), async (scene) => (await afresh(scene)).failAws('GetSecretValue', THROTTLED));
  fault('the secret is empty', fails('ApiKeyNotSet'), (scene) => withSecret(scene, undefined));
  fault('the secret holds nothing but spaces', fails('ApiKeyNotSet'), (scene) => withSecret(scene, ' \n'));
  const json = {
    'key/value pairs, as the console stores them': JSON.stringify({ apiKey: LOCAL_API_KEY, database: 'password' }),
    'key/value pairs, after a blank line': `\n${JSON.stringify({ apiKey: LOCAL_API_KEY })}`,
    'a list': JSON.stringify([LOCAL_API_KEY]),
    'a quoted text': JSON.stringify(LOCAL_API_KEY),
  };
  for (const [what, value] of Object.entries(json)) {
    fault(`the secret holds ${what}`, fails('ApiKeyNotSet', { also: 'nothing is sent' }), async (scene) => {
      await withSecret(scene, value);
      const { submissions } = scene.cloud.gateway;
      const before = submissions.length;
      expect(messageOf(await scene.upload())).toMatch(/holds JSON: store the key as plain text\. .*SetApiKeyCommand/);
      expect(submissions).toHaveLength(before);
    });
  }
  fault('the secret holds JSON, and then the key', cutout({ also: 'at the first redrive' }), async (scene) => {
    await withSecret(scene, JSON.stringify({ apiKey: LOCAL_API_KEY }));
    await scene.upload();
    scene.cloud.secrets.put(scene.cloud.template.output('ApiKeySecretArn'), LOCAL_API_KEY);
    await scene.redrive();
  });
  fault('the secret does not exist any more', fails('ApiKeyNotSet'), async (scene) =>
    (await afresh(scene)).failAws('GetSecretValue', new AwsError('ResourceNotFoundException', 'Not found'), FOR_EVER),
  );
  fault(
    'the secret is marked for deletion',
    fails('InternalError', { also: 'the execution says so' }),
    async (scene) => {
      const marked = new AwsError('InvalidRequestException', 'The secret was marked for deletion');
      (await afresh(scene)).failAws('GetSecretValue', marked, FOR_EVER);
      expect(messageOf(await scene.upload())).toContain('marked for deletion');
    },
  );
});

area(
  'Secrets Manager, for longer',
  'Secrets Manager, answers to GetSecretValue',
  (fault) => {
    fault('throttled, for a while', cutout(), async (scene) =>
      (await afresh(scene)).failAws('GetSecretValue', THROTTLED, 20),
    );
    fault(
      'throttled when the status is asked for',
      cutout(),
      async (scene) => {
        await scene.crash('check-status');
        scene.onInvocation('check-status', (count) => {
          if (count === 1) scene.failAws('GetSecretValue', THROTTLED, 20);
        });
      },
      'Secrets Manager, answers to Check status',
    );
  },
  HASTY,
);

area('Step Functions', 'Step Functions, answer to one call', (fault) => {
  fault('StartExecution: throttled, once', cutout(), (scene) => scene.failAws('StartExecution', THROTTLED));
  fault('StartExecution: the same name has run before', cutout({ also: 'nothing twice' }), async (scene) => {
    const taken = new AwsError('ExecutionAlreadyExists', 'Execution Already Exists');
    await scene.upload();
    scene.failAws('StartExecution', taken);
    scene.resendUpload();
    await scene.happened();
    expect(scene.executions).toHaveLength(1);
  });
  for (const call of ['DescribeExecution', 'GetExecutionHistory']) {
    fault(`${call}: throttled, once`, fails('InsufficientBalance'), (scene) => {
      scene.next('submit', { status: 402 });
      scene.failAws(call, THROTTLED);
    });
  }
});

area(
  'Step Functions, for longer',
  'Step Functions, answers to calls',
  (fault) => {
    fault('StartExecution: throttled, for a while', cutout(), (scene) =>
      scene.failAws('StartExecution', THROTTLED, 10),
    );
    fault(
      'StartExecution: down for over an hour',
      cutout({ also: 'once the dead letter is moved back' }),
      async (scene) => {
        scene.failAws('StartExecution', DOWN, 20);
        scene.put();
        const [letter = ''] = await until(() => nonEmpty(scene.deadLetters('Intake', scene.key)));
        expect(scene.executions).toEqual([]);
        scene.queue('IntakeQueue').send(letter);
        scene.execution = await until(() => scene.executions[0]);
      },
    );
    for (const call of ['DescribeExecution', 'GetExecutionHistory']) {
      fault(
        `${call}: throttled, twice`,
        fails('InsufficientBalance', { also: 'the report is tried again' }),
        (scene) => {
          scene.next('submit', { status: 402 });
          scene.failAws(call, THROTTLED, 2);
        },
      );
      fault(
        `${call}: throttled, always`,
        fails('InsufficientBalance', { file: false, also: 'a dead letter, which alarms' }),
        async (scene) => {
          scene.next('submit', { status: 402 });
          scene.failAws(call, THROTTLED, FOR_EVER);
          await scene.upload();
          expect(scene.deadLetters('Failures', scene.execution.arn)).toHaveLength(1);
        },
      );
    }
  },
  HASTY,
);

area('Lambda', 'Lambda, answer to the invocation', (fault) => {
  const errors = ['Lambda.TooManyRequestsException', 'Lambda.ServiceException', 'Lambda.Unknown', 'Sandbox.Timedout'];
  for (const error of errors) {
    for (const bundle of ['submit', 'check-status', 'deliver']) {
      fault(`${error} of ${bundle}, three times`, cutout(), (scene) => scene.failInvocation(bundle, error, 3));
    }
    fault(`${error} of on-upload, three times`, cutout(), (scene) => scene.failInvocation('on-upload', error, 3));
    fault(`${error} of report-failure, twice`, fails('InsufficientBalance'), (scene) => {
      scene.next('submit', { status: 402 });
      scene.failInvocation('report-failure', error, 2);
    });
  }
  const throttled = 'Lambda.TooManyRequestsException';
  fault(`${throttled} of submit, for two hours`, cutout(), (scene) => scene.failInvocation('submit', throttled, 70));
  fault(`${throttled} of check-status, for two hours`, cutout(), (scene) =>
    scene.failInvocation('check-status', throttled, 70),
  );
  fault(`${throttled} of deliver, for an hour`, cutout(), (scene) => scene.failInvocation('deliver', throttled, 33));
  fault(
    'Lambda.Unknown of submit, always',
    fails('InternalError', { as: 'Lambda.Unknown', also: 'no fifth submission' }),
    (scene) => scene.failInvocation('submit', 'Lambda.Unknown', 4),
  );
  fault(
    'Lambda.Unknown of deliver, for over an hour',
    fails('InternalError', { as: 'Lambda.Unknown', paid: 1 }),
    (scene) => scene.failInvocation('deliver', 'Lambda.Unknown', 34),
  );
  fault(
    'Lambda.Unknown of on-upload, for over an hour',
    cutout({ also: 'once the dead letter is moved back' }),
    async (scene) => {
      scene.failInvocation('on-upload', 'Lambda.Unknown', 20);
      scene.put();
      const [letter = ''] = await until(() => nonEmpty(scene.deadLetters('Intake', scene.key)));
      scene.queue('IntakeQueue').send(letter);
      scene.execution = await until(() => scene.executions[0]);
    },
  );
  fault(
    'Lambda.Unknown of report-failure, always',
    fails('InsufficientBalance', { file: false, also: 'a dead letter, which alarms' }),
    async (scene) => {
      scene.next('submit', { status: 402 });
      scene.failInvocation('report-failure', 'Lambda.Unknown', 20);
      await scene.upload();
      expect(scene.deadLetters('Failures', scene.execution.arn)).toHaveLength(1);
    },
  );
});

function nonEmpty<T>(items: T[]): T[] | undefined {
  return items.length > 0 ? items : undefined;
}
