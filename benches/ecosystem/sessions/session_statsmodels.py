"""Fitted models, some of them by a formula."""

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf

rng = np.random.default_rng(3)
frame = pd.DataFrame({"x": np.arange(40.0), "g": list("ab") * 20})
frame["y"] = 1.5 * frame.x + (frame.g == "b") + rng.normal(size=40)
frame["hit"] = (frame.y > 30).astype(int)
design = sm.add_constant(frame[["x"]])
model = sm.OLS(frame.y, design)
res = model.fit()
glm = sm.GLM(frame.hit, sm.add_constant(frame[["y"]] * 0.01), family=sm.families.Binomial()).fit_regularized(alpha=0.1)
ar = sm.tsa.AutoReg(frame.y.to_numpy(), 2).fit()
fres = smf.ols("y ~ x + C(g)", frame).fit()

CHECKS = {
    "model": "model.exog_names, model.endog.tolist(), model.fit().params.to_dict()",
    "res": "res.params.to_dict(), res.rsquared, res.conf_int().to_dict(), res.predict([[1.0, 2.0]]).tolist()",
    "glm": "glm.params.to_dict(), type(glm.model.family).__name__",
    "ar": "ar.params.tolist(), ar.predict(40, 43).tolist()",
    "fres": "fres.params.to_dict(), fres.predict({'x': [1.0, 2.0], 'g': ['a', 'b']}).tolist()",
}
