#!/usr/bin/env bash
# Temporal's Java SDK 1.31.0: its class Saga, in its own test environment.
#
# Guess: `saga.compensate()` undoes what was done, whatever made the workflow give up: that is what the class is for.
# Instead: where the workflow was cancelled each compensation that calls an activity is refused before it is made. Nothing is undone,
# and whoever asks how the workflow ended is told that it was cancelled, with no word of that.
# Why it matters: the same three lines undo everything after a failure, so tests of failures pass. A cancelled order keeps its stock and
# its charge. The calls need a cancellation scope of their own, which the class does not make.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/pom.xml" <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>show</groupId><artifactId>show</artifactId><version>1</version>
  <properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target></properties>
  <dependencies>
    <dependency><groupId>io.temporal</groupId><artifactId>temporal-testing</artifactId><version>1.31.0</version></dependency>
  </dependencies>
</project>
XML
mkdir -p "$dir/src/main/java"
cat >"$dir/src/main/java/Show.java" <<'JAVA'
import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityOptions;
import io.temporal.client.WorkflowFailedException;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.common.RetryOptions;
import io.temporal.failure.ApplicationFailure;
import io.temporal.testing.TestWorkflowEnvironment;
import io.temporal.workflow.Saga;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;

public class Show {
  static final List<String> called = new CopyOnWriteArrayList<>();
  static CountDownLatch charged;

  @ActivityInterface
  public interface Calls {
    void call(String what);
  }

  public static class CallsMade implements Calls {
    public void call(String what) {
      called.add(what);
      if (what.equals("send")) throw ApplicationFailure.newNonRetryableFailure("no carrier", "refused");
      if (what.equals("charge")) charged.countDown();
    }
  }

  @WorkflowInterface
  public interface Order {
    @WorkflowMethod
    void run(boolean waits);
  }

  public static class OrderRun implements Order {
    final Calls calls = Workflow.newActivityStub(Calls.class, ActivityOptions.newBuilder()
        .setStartToCloseTimeout(Duration.ofSeconds(10))
        .setRetryOptions(RetryOptions.newBuilder().setMaximumAttempts(1).build()).build());

    public void run(boolean waits) {
      Saga saga = new Saga(new Saga.Options.Builder().build());
      try {
        calls.call("reserve");
        saga.addCompensation(() -> calls.call("release"));
        calls.call("charge");
        saga.addCompensation(() -> calls.call("refund"));
        if (waits) Workflow.sleep(Duration.ofDays(1));
        calls.call("send");
      } catch (RuntimeException failure) {
        saga.compensate();
        throw failure;
      }
    }
  }

  static void show(boolean isCancelled) throws Exception {
    called.clear();
    charged = new CountDownLatch(1);
    try (var temporal = TestWorkflowEnvironment.newInstance()) {
      var worker = temporal.newWorker("orders");
      worker.registerWorkflowImplementationTypes(OrderRun.class);
      worker.registerActivitiesImplementations(new CallsMade());
      temporal.start();
      WorkflowStub order = temporal.getWorkflowClient().newUntypedWorkflowStub("Order",
          WorkflowOptions.newBuilder().setTaskQueue("orders").build());
      order.start(isCancelled);
      charged.await();
      if (isCancelled) order.cancel();
      try {
        order.getResult(Void.class);
      } catch (WorkflowFailedException ended) {
        String why = ended.getCause().getClass().getSimpleName();
        System.out.println((isCancelled ? "cancelled: " : "failed:    ") + called + ", ended by " + why);
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    show(false);
    show(true);
    System.exit(0);
  }
}
JAVA
cd "$dir"
mvn --quiet --batch-mode compile org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath -Dmdep.outputFile=classpath >log 2>&1 ||
  { cat log; exit 1; }
echo 'temporal-sdk 1.31.0'
timeout 120 java -cp "target/classes:$(cat classpath)" Show 2>/dev/null | tee seen
grep -qF 'failed:    [reserve, charge, send, refund, release], ended by ActivityFailure' seen
grep -qF 'cancelled: [reserve, charge], ended by CanceledFailure' seen
echo 'seen: after a cancellation nothing is undone, and nobody is told'
