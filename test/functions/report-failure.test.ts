import { describe, expect, it } from 'vitest';
import { lastInput, statesOf } from '../executions.ts';
import { CAT, picture } from '../pictures.ts';
import { errorFile, execute, upload } from '../pipeline-rig.ts';
import { checkWhatIsSaid, cloud, newKey, number, shareCloud, submissions } from '../shared-cloud.ts';
import { until } from '../until.ts';

shareCloud();

describe('an execution that somebody stops', () => {
  it('gets an error file that says so, and can be redriven without paying again', async () => {
    cloud.gateway.nextOutcomes('NEVER');
    const key = newKey();
    cloud.s3.put(cloud.uploadsBucket, key, CAT);
    const execution = await until(() => cloud.stepFunctions.executions.find(({ input }) => input.includes(key)));
    await until(() => statesOf(execution).includes('Check status') || undefined);
    cloud.stepFunctions.stop(execution.arn);
    await cloud.settled();
    expect(errorFile(cloud, key)).toMatchObject({ error: 'Aborted', requestId: expect.stringMatching(/^bria-/) });
    const paid = submissions();
    const redriven = cloud.stepFunctions.redrive(execution.arn);
    await cloud.gateway.finish(JSON.parse(lastInput(redriven)).requestId);
    await cloud.settled();
    expect(redriven.status).toBe('SUCCEEDED');
    expect(submissions()).toBe(paid);
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);
  });
});

describe('a workflow that names no version', () => {
  it('gets the cutout of the current version, and an error file though an older version has been delivered', async () => {
    const key = newKey();
    await upload(cloud, key);
    const input = { bucket: cloud.uploadsBucket, key };
    expect((await execute(cloud, `same-${number}`, input)).status).toBe('SUCCEEDED');
    expect(cloud.s3.list(cloud.resultsBucket, key)).toEqual([`${key}.png`]);

    cloud.gateway.nextSubmits({ status: 402 }, { status: 402 });
    await upload(cloud, key, await picture(77));
    cloud.s3.delete(cloud.resultsBucket, `${key}.error.json`);
    await execute(cloud, `newer-${number}`, input);
    expect(errorFile(cloud, key)?.error).toBe('InsufficientBalance');
  });
});

checkWhatIsSaid();
