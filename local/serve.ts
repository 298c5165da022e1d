import { LOCAL_API_KEY, LOCAL_CREDENTIALS, LocalCloud } from './cloud.ts';
import { Printer } from './printer.ts';
import { REGION } from './template.ts';

const printer = new Printer();
const cloud = await LocalCloud.start({ onHistory: printer.history });
printer.noteOf = (requestId) => cloud.gateway.noteOf(requestId);
const { accessKeyId, secretAccessKey } = LOCAL_CREDENTIALS;

console.log(`The stack is up on this machine, with a simulator of the gateway. In another terminal:

  export AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey} AWS_REGION=${REGION}
  export AWS_ENDPOINT_URL=${cloud.awsUrl} AWS_ENDPOINT_URL_S3=${cloud.s3.url}
  npm run smoke
  aws s3 cp photo.jpg s3://${cloud.uploadsBucket} --endpoint-url ${cloud.s3.url}
  aws s3 ls s3://${cloud.resultsBucket} --recursive --endpoint-url ${cloud.s3.url}

  aws stepfunctions start-execution --endpoint-url ${cloud.awsUrl} \\
    --state-machine-arn ${cloud.stateMachineArn} \\
    --input '{"bucket": "${cloud.uploadsBucket}", "key": "photo.jpg"}'

The gateway answers at ${cloud.gateway.url} (API key ${LOCAL_API_KEY}). Ctrl-C ends it all.
`);

const stop = async () => {
  console.log('Stopping.');
  await cloud.close();
  process.exit(0);
};
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
