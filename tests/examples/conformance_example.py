from gradproto_conformance import Options, Verdict, run

options = Options(select=("CONFIG-*", "named-*"), endpoints={"/echo": ["Hello"]})
report = run("http://127.0.0.1:7860", options)
for result in report.results:
    if result.verdict is Verdict.FAIL:
        print(f"{result.check.id}: expected {result.expected}, got {result.got}")
print(report.exit_code)
