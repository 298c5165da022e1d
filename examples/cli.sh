#!/usr/bin/env bash
# Removes the background of an image on the web by the AWS CLI: starts an execution, waits for it, prints what it puts out.
#
#   examples/cli.sh https://example.com/cat.jpg photos/cat.jpg [stack, by default Cutout]
#
# Needs the AWS CLI with a region and credentials, and jq. Run again with the same image, it only looks how that went.
# Exit status: 0 only if the cutout was delivered.
set -euo pipefail

image_url=${1:?which image? Give its URL}
result_key=${2:?under which key? Give the key of the result, less its extension}
stack=${3:-Cutout}

state_machine=$(aws cloudformation describe-stacks --stack-name "$stack" \
  --query "Stacks[0].Outputs[?OutputKey=='StateMachineArn'].OutputValue | [0]" --output text)

# Made from what the image is, without a presigned URL's signature: starting it again under this name costs nothing.
image=$(printf '%s\n' "${image_url%%\?*}" "$result_key" | cksum | cut -d ' ' -f 1)
name=$(printf '%s' "$result_key" | LC_ALL=C tr -c 'A-Za-z0-9' '-' | cut -c 1-60)-$image
execution=${state_machine/:stateMachine:/:execution:}:$name

input=$(jq -nc --arg imageUrl "$image_url" --arg resultKey "$result_key" '{$imageUrl, $resultKey}')
if ! answer=$(aws stepfunctions start-execution --state-machine-arn "$state_machine" --name "$name" --input "$input" 2>&1); then
  [[ $answer == *ExecutionAlreadyExists* ]] || { echo "$answer" >&2; exit 1; }
fi

status=RUNNING
while [[ $status == RUNNING ]]; do
  sleep 5
  status=$(aws stepfunctions describe-execution --execution-arn "$execution" --query status --output text)
done

if [[ $status != SUCCEEDED ]]; then
  aws stepfunctions describe-execution --execution-arn "$execution" --query '[status, error, cause]' --output text >&2
  exit 1
fi
aws stepfunctions describe-execution --execution-arn "$execution" --query output --output text
